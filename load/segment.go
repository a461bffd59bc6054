package load

import (
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// Segment is one segment in the making. Write its batches in the order of the
// payload, then Commit; Abort in any other case.
type Segment struct {
	lake   Lake
	folder *durable.Folder
	event  *Table
	issue  *Table
	reject *Table
	replay *Table
	rows   int64
}

// Begin starts a segment. A folder of that name that is left from a run which
// never reached the ledger is removed: call it under the lease only, and only
// for a segment that the ledger does not hold.
func (l Lake) Begin(registry, segment string) (_ *Segment, err error) {
	defer dose.Wrap(&err, "begin segment %s/%s", registry, segment)
	path, err := l.Folder(registry, segment)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	folder, err := durable.MkdirPart(path)
	if err != nil {
		return nil, err
	}
	s := &Segment{lake: l, folder: folder}
	s.event, err = NewTable(filepath.Join(folder.Dir, EventFile), dose.SegmentColumns())
	if err != nil {
		folder.Abort()
		return nil, err
	}
	return s, nil
}

// Write appends one batch of events (the segment schema) as a row group, with
// its findings. Issue rows count from the start of the batch.
func (s *Segment) Write(events arrow.RecordBatch, issues []dose.Issue, rejects []dose.Reject) error {
	err := s.event.Append(events)
	if err == nil && len(issues) > 0 {
		err = s.findings(&s.issue, IssueFile, issueColumns, issueBatch(issues, s.rows))
	}
	if err == nil && len(rejects) > 0 {
		err = s.findings(&s.reject, RejectFile, rejectColumns, rejectBatch(rejects))
	}
	s.rows += events.NumRows()
	return err
}

func (s *Segment) findings(t **Table, name string, cols []dose.Column, b arrow.RecordBatch) (err error) {
	defer b.Release()
	if *t == nil {
		if *t, err = NewTable(filepath.Join(s.folder.Dir, name), cols); err != nil {
			return err
		}
	}
	return (*t).Append(b)
}

// Replays says which rejects the segment's payload takes up again.
func (s *Segment) Replays(refs []Replayed) error {
	return s.findings(&s.replay, ReplayFile, replayColumns, replayBatch(refs))
}

// Commit makes the segment part of the lake. It counts only once the ledger
// names it.
func (s *Segment) Commit(registry, segment string) (_ []File, err error) {
	defer dose.Wrap(&err, "commit segment %s/%s", registry, segment)
	var files []File
	for _, t := range []*Table{s.event, s.issue, s.reject, s.replay} {
		if t == nil {
			continue
		}
		f, err := t.Finish()
		if err != nil {
			return nil, err
		}
		f.Path = registry + "/" + segment + "/" + f.Path
		files = append(files, f)
	}
	return files, s.folder.Commit()
}

// Abort removes what was written. After Commit it does nothing.
func (s *Segment) Abort() {
	for _, t := range []*Table{s.event, s.issue, s.reject, s.replay} {
		if t != nil {
			t.Abort()
		}
	}
	s.folder.Abort()
}

// WriteInput makes the segment of a payload that holds no records, in one go.
func (l Lake) WriteInput(registry, segment string, cols []dose.Column, b arrow.RecordBatch) (_ []File, err error) {
	defer b.Release()
	defer dose.Wrap(&err, "write segment %s/%s", registry, segment)
	path, err := l.Folder(registry, segment)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	folder, err := durable.MkdirPart(path)
	if err != nil {
		return nil, err
	}
	defer folder.Abort()
	t, err := NewTable(filepath.Join(folder.Dir, InputFile), cols)
	if err != nil {
		return nil, err
	}
	if err := t.Append(b); err != nil {
		t.Abort()
		return nil, err
	}
	f, err := t.Finish()
	if err != nil {
		return nil, err
	}
	f.Path = registry + "/" + segment + "/" + f.Path
	return []File{f}, folder.Commit()
}
