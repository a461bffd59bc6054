package synth

import "context"

type fhir struct{ *world }

func newFHIR(w *world) *fhir                                          { return &fhir{w} }
func (f *fhir) file(ctx context.Context, j *writing, o *output) error { return nil }
