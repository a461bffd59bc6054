package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/cvrs"
	"github.com/dosebook/dosebook/extract/hl7v2"
	"github.com/dosebook/dosebook/pipelines"
)

// maxRecords is how many records a CVRS file may hold (CVRS v2, extract file
// conventions 3).
const maxRecords = 200_000

const validateBlock = 4 << 20

func validateCommand(e *env) *cobra.Command {
	var rpt bool
	v := validator{env: e}
	c := &cobra.Command{
		Use:   "validate PATH…",
		Short: "Check files by CDC's rules and by ours, load nothing",
		Long: `Check files, or all files of a folder, in any format that can be loaded:
by the rules of CDC's own validator for CVRS (versions 1, 2 and 3), with its
codes, and by what loading them would refuse or remark. Nothing is loaded, no
data directory is needed, and no value of a record is shown but its
vax_event_id. docs/VALIDATE.md lists the rules. With --data (or DOSEBOOK_DATA)
codes are judged by the tables that 'dosebook codes update' put in force there.

The exit status is 2 when there is a finding of level ERROR, else 0.`,
		Example: `  dosebook validate 20210305_01_CAA.txt
  dosebook validate --json outbox/ | jq '.files[].issues[] | select(.level == "ERROR")'
  dosebook validate --rpt vxu.hl7 > vxu.hl7.rpt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if v.version < 0 || v.version > 3 {
				return fmt.Errorf("--cvrs-version is 1, 2 or 3: %w", dose.ErrInvalid)
			}
			if v.format != "auto" {
				if _, err := decoder(v.format); err != nil {
					return err
				}
			}
			// Only a data directory that was named: what a sender finds must not
			// depend on the folder it stands in.
			if cmd.Flags().Changed("data") || os.Getenv("DOSEBOOK_DATA") != "" {
				var err error
				if v.codes, err = codesInForce(e.data); err != nil {
					return err
				}
			}
			if rpt && e.json {
				return fmt.Errorf("--rpt and --json exclude each other: %w", dose.ErrInvalid)
			}
			out := bufio.NewWriterSize(e.out, 64<<10)
			switch {
			case e.json:
				v.report = &jsonReport{w: out}
			case rpt:
				v.report = &rptReport{w: out}
			default:
				v.report = &tableReport{w: out}
			}
			return errors.Join(v.all(cmd.Context(), args), out.Flush())
		},
	}
	f := c.Flags()
	f.BoolVar(&rpt, "rpt", false, "a report in the shape of CDC's validator: lines count records, -1 is the file")
	f.StringVar(&v.format, "format", "auto", "auto, cvrs, hl7v2 or fhir")
	f.IntVar(&v.version, "cvrs-version", 0, "1, 2 or 3; without it 1 if the header has columns that only version 1 had, else 2, which is 3 too")
	return c
}

// reporter shows what was found, as it is found: the files one after the
// other, of each its findings by line. An error ends the run.
type reporter interface {
	begin(path string, format string) error
	finding(*finding) error
	end(*checkedFile) error
	close() error
}

// finding is one thing that is wrong, as it is shown.
type finding struct {
	ID      string `json:"vax_event_id"`
	Line    int64  `json:"line"` // physical, from 1; 0 for the file
	Code    string `json:"code"`
	Field   string `json:"field"`
	Level   string `json:"level"`
	Message string `json:"message"`
	remedy  string
	record  int64 // its number, from 1; 0 for the file
	cdc     bool  // the code is CDC's
}

// checkedFile is what a file came to.
type checkedFile struct {
	path, format string
	version      int // of CVRS; 0 for another format
	records      int64
	failed       int64 // records with an error
	errors       int64
	fault        bool // the file as a whole can't be loaded
}

// validator runs the check.
type validator struct {
	*env
	codes   *dose.CodeTables // of the data directory, where one is named; nil: the built-in ones
	format  string
	version int
	report  reporter
}

func (v *validator) all(ctx context.Context, paths []string) error {
	var files []string
	for _, path := range paths {
		inside, errs := pipelines.Expand([]string{path})
		if len(errs) > 0 {
			inside = append(inside, path) // opening it says why
		}
		files = append(files, inside...)
	}
	bad := 0
	for _, path := range files {
		f, err := v.file(ctx, path)
		if err != nil {
			return err
		}
		if f.errors > 0 {
			bad++
		}
	}
	if err := v.report.close(); err != nil || bad == 0 {
		return err
	}
	return fmt.Errorf("%d of %d files have errors: %w", bad, len(files), dose.ErrInvalid)
}

// file checks one file. Whatever is wrong with it is a finding; the error is
// of the report, or that the run was stopped.
func (v *validator) file(ctx context.Context, path string) (*checkedFile, error) {
	f := &checkedFile{path: path}
	in, err := openPayload(path)
	var reader extract.Reader
	if err == nil {
		defer in.close()
		f.format = in.format(v.format)
		reader, err = v.open(in, f)
	}
	if err := v.report.begin(path, f.format); err != nil {
		return nil, err
	}
	run := fileRun{validator: v, file: f, seen: newIDSet()}
	if err != nil {
		err = run.fault(err)
	} else if err = run.head(in, reader); err == nil {
		err = run.records(ctx, reader)
		if err != nil && ctx.Err() == nil && !errors.Is(err, errReport) {
			err = run.fault(err)
		}
	}
	if err == nil && f.format == "cvrs" && f.records > maxRecords {
		err = run.ofFile(dose.TooManyRecords)
	}
	if err != nil {
		return nil, err
	}
	if f.fault {
		f.failed = f.records // none of it would be loaded
	}
	return f, v.report.end(f)
}

// payload is an opened file and its first bytes.
type payload struct {
	file   *os.File
	inside io.ReadCloser
	read   *bufio.Reader
	start  []byte
}

func openPayload(path string) (*payload, error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("this is no regular file: %w", dose.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	inside, err := extract.Unpack(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p := &payload{file: f, inside: inside, read: bufio.NewReaderSize(inside, 64<<10)}
	if p.start, err = p.read.Peek(64 << 10); err != nil && !errors.Is(err, io.EOF) {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *payload) close() {
	_ = p.inside.Close()
	_ = p.file.Close()
}

func (p *payload) format(asked string) string {
	if asked != "auto" {
		return asked
	}
	if f := extract.Sniff(p.start); f != "" {
		return f
	}
	return "cvrs" // its decoder says best what is wrong with a text that is nothing
}

// open opens the decoder. Of a CVRS it reads the rows even where the header is
// at fault, as CDC's does.
func (v *validator) open(in *payload, f *checkedFile) (extract.Reader, error) {
	d, err := decoder(f.format)
	if err != nil {
		return nil, err
	}
	switch f.format { // small blocks: no row groups are made of them
	case "cvrs":
		d = &cvrs.Decoder{AnyHeader: true, BlockSize: validateBlock}
		f.version = max(v.version, 2)
	case "hl7v2":
		d = &hl7v2.Decoder{BlockSize: validateBlock}
	}
	r, err := d.Open(in.read, filepath.Base(f.path))
	if err != nil {
		return nil, err
	}
	if h, ok := r.(cvrs.Headed); ok && (v.version == 1 || v.version == 0 && h.FirstVersion()) {
		f.version = 1
	}
	return r, nil
}

func byteOrderMark(start []byte) bool { return bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) }
