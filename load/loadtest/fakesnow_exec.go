package loadtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

// Exec runs a statement in schema CORE of a database behind dosebook's back:
// somebody who changes the tables there.
func (f *Fakesnow) Exec(t testing.TB, database, statement string) {
	t.Helper()
	at := fmt.Sprintf("http://%s:%d", f.Host, f.Port)
	var login struct{ Data struct{ Token string } }
	f.post(t, at+"/session/v1/login-request?databaseName="+database+"&schemaName=CORE", "", map[string]any{"data": map[string]any{"SESSION_PARAMETERS": map[string]any{}}}, &login)
	var answer struct {
		Success bool
		Message string
	}
	f.post(t, at+"/queries/v1/query-request", login.Data.Token, map[string]any{"sqlText": statement}, &answer)
	if !answer.Success {
		t.Fatalf("%s: %s", statement, answer.Message)
	}
}

func (f *Fakesnow) post(t testing.TB, url, token string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", `Snowflake Token="`+token+`"`)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatalf("status %d: %v", answer.StatusCode, err)
	}
}
