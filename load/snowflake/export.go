package snowflake

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/snowconn"
)

// Prepare makes the table of persons that a release's queries share. It is a
// work table of this session.
func (d *DB) Prepare(ctx context.Context) (err error) {
	defer dose.Wrap(&err, "prepare a release from Snowflake")
	s, err := d.own(ctx, "dosebook:release")
	if err != nil {
		return err
	}
	all, err := steps("45_release_person")
	if err != nil {
		return err
	}
	for _, st := range all {
		for _, text := range []string{st.shape, st.do} {
			if _, err := s.exec(ctx, "45_release_person", text); err != nil {
				return err
			}
		}
	}
	return nil
}

// exportRows is about how many rows make one row group of an export.
const exportRows = 100_000

// Export writes the rows of a query of the models to a Parquet file at path,
// as they come. Whole numbers are 64 bits there.
func (d *DB) Export(ctx context.Context, query, path string) (err error) {
	defer dose.Wrap(&err, "export %s from Snowflake", filepath.Base(path))
	s, err := d.own(ctx, "dosebook:export")
	if err != nil {
		return err
	}
	e := export{path: path}
	err = s.stream(ctx, "query", translate(query), e.start, e.batch)
	return errors.Join(err, e.finish(err == nil))
}

// export is a result on its way into a file.
type export struct {
	path string
	g    *gather
	w    *pqarrow.FileWriter
}

func (e *export) start(fields []snowconn.Field) error {
	to := make([]arrow.Field, len(fields))
	for i, f := range fields {
		t, err := typeOf(f)
		if err != nil {
			return err
		}
		to[i] = arrow.Field{Name: strings.ToLower(f.Name), Type: t, Nullable: true}
	}
	schema := arrow.NewSchema(to, nil)
	f, err := os.OpenFile(e.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Uncompressed), parquet.WithMaxRowGroupLength(1<<30))
	if e.w, err = pqarrow.NewFileWriter(schema, f, props, pqarrow.DefaultWriterProps()); err != nil {
		return errors.Join(err, f.Close())
	}
	e.g = newGather(schema, fields)
	return nil
}

func (e *export) batch(b arrow.RecordBatch) error {
	if err := e.g.add(b, 0, int(b.NumRows())); err != nil {
		return err
	}
	if e.g.rows < exportRows {
		return nil
	}
	return e.g.flush(e.w.Write)
}

// finish closes the file; what of it is whole is the caller's to say.
func (e *export) finish(whole bool) error {
	if e.w == nil {
		return nil
	}
	defer e.g.release()
	var err error
	if whole {
		err = e.g.flush(e.w.Write)
	}
	return errors.Join(err, e.w.Close())
}

// Rest is for a warehouse whose memory is this machine's: here there is none.
func (d *DB) Rest(context.Context) error { return nil }
