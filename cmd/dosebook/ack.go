package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/hl7v2"
	"github.com/dosebook/dosebook/transform"
)

func ackCommand(e *env) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "ack FILE",
		Short: "Answer a file of HL7 messages with their acknowledgements",
		Long: `Answer a file of HL7 messages with a batch of acknowledgements (ACK^V04,
profile Z23): one for each message, which says whether it was taken (AA), taken
with errors (AE) or refused (AR), and names segment, field, code and remedy of
whatever is wrong. Values are never repeated, but for the control id.

Nothing is loaded. A file that can't be read as HL7 is answered with one
refusal; the exit status is then 2.`,
		Example: `  dosebook ack vxu.hl7 > ack.hl7
  dosebook ack --out ack.hl7 vxu.hl7.gz`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return e.ack(cmd.Context(), args[0], e.out)
			}
			return e.ackTo(cmd.Context(), args[0], out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "write to `FILE` instead of stdout")
	return c
}

// ackTo writes a file that is there whole or not at all. A refusal of the
// whole payload is an answer too.
func (e *env) ackTo(ctx context.Context, path, out string) error {
	f, err := durable.Create(out)
	if err != nil {
		return err
	}
	defer f.Abort()
	answered := e.ack(ctx, path, f)
	if fault := (*extract.Fault)(nil); answered != nil && !errors.As(answered, &fault) {
		return answered
	}
	return errors.Join(answered, f.Commit())
}

// ack reads a payload, decodes and maps it as ingest would, and writes what
// was found, message by message.
func (e *env) ack(ctx context.Context, path string, to io.Writer) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	defer f.Close()
	buf := bufio.NewWriter(to)
	w := hl7v2.NewAckWriter(buf, e.now())
	err = e.ackAll(ctx, f, w)
	if fault := (*extract.Fault)(nil); errors.As(err, &fault) {
		err = errors.Join(err, w.Refuse(fault))
	} else if err != nil {
		return err
	}
	return errors.Join(err, w.Close(), buf.Flush())
}

func (e *env) ackAll(ctx context.Context, f *os.File, w *hl7v2.AckWriter) error {
	in, err := extract.Unpack(f)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := (&hl7v2.Decoder{}).Open(in, filepath.Base(f.Name()))
	if err != nil {
		return err
	}
	m := transform.New(transform.Options{Today: int32(e.now().Unix() / 86400)})
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ackBlock(b, m, w); err != nil {
			return err
		}
	}
}

func ackBlock(b extract.Block, m *transform.Mapper, w *hl7v2.AckWriter) error {
	messages := b.(hl7v2.Lister).Messages()
	out, err := decodeFindings(b, m)
	if err != nil {
		return err
	}
	for _, msg := range messages {
		n := 0
		for n < len(out) && out[n].Line < msg.End {
			n++
		}
		if err := w.Ack(msg, out[:n]); err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// decodeFindings lists what is wrong with a block's records, by line. What is
// wrong with its batches has no line, and no message to answer.
func decodeFindings(b extract.Block, m *transform.Mapper) ([]hl7v2.Finding, error) {
	raw, err := b.Decode()
	if err != nil {
		return nil, err
	}
	defer raw.Done()
	defer raw.Rows.Release()
	res, err := m.Apply(raw.Rows)
	if err != nil {
		return nil, err
	}
	res.Events.Release()
	var out []hl7v2.Finding
	for _, rejects := range [][]dose.Reject{raw.Rejects, res.Rejects} {
		for _, x := range rejects {
			out = append(out, hl7v2.Finding{Line: x.Line, Check: x.Check, Field: x.Field})
		}
	}
	columns := dose.Raw()
	for _, issues := range [][]dose.Issue{raw.Issues, res.Issues} {
		for _, x := range issues {
			f := hl7v2.Finding{Line: x.Line, Check: x.Check}
			if x.Field != dose.NoField {
				f.Field = columns[x.Field].Name
			}
			if x.Line > 0 {
				out = append(out, f)
			}
		}
	}
	slices.SortStableFunc(out, func(x, y hl7v2.Finding) int { return cmp.Compare(x.Line, y.Line) })
	return out, nil
}
