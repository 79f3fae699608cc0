// Package tap writes the Test Anything Protocol: as much of it as the validation of runtimes asks for.
package tap

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// T is a stream of tests.
type T struct {
	Writer io.Writer
	count  *int
	todo   bool
}

// New begins one, on stdout.
func New() *T {
	return &T{Writer: os.Stdout, count: new(int)}
}

// Header announces n tests; 0: AutoPlan will count them.
func (t *T) Header(n int) {
	fmt.Fprintln(t.Writer, "TAP version 13")
	if n > 0 {
		fmt.Fprintf(t.Writer, "1..%d\n", n)
	}
}

// AutoPlan tells how many there were.
func (t *T) AutoPlan() {
	fmt.Fprintf(t.Writer, "1..%d\n", *t.count)
}

func (t *T) result(words, description string) {
	*t.count++
	mark := "-"
	if t.todo {
		mark = "# TODO"
	}
	fmt.Fprintf(t.Writer, "%s %d %s %s\n", words, *t.count, mark, strings.ReplaceAll(description, "\n", " "))
}

// Ok is a test's result.
func (t *T) Ok(passed bool, description string) {
	if passed {
		t.result("ok", description)
	} else {
		t.result("not ok", description)
	}
}

// Todo is the same stream for tests that are known to fail.
func (t *T) Todo() *T {
	return &T{t.Writer, t.count, true}
}

// Pass is a test that passed.
func (t *T) Pass(description string) {
	t.Ok(true, description)
}

// Fail is one that did not.
func (t *T) Fail(description string) {
	t.Ok(false, description)
}

// Skip is n tests that were not done.
func (t *T) Skip(n int, reason string) {
	for ; n > 0; n-- {
		t.result("ok", "# SKIP "+reason)
	}
}

// Diagnostic is a remark.
func (t *T) Diagnostic(message string) {
	fmt.Fprintln(t.Writer, "# "+strings.ReplaceAll(strings.TrimRight(message, "\n"), "\n", "\n# "))
}

// Diagnosticf is a formatted one.
func (t *T) Diagnosticf(format string, args ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, args...))
}

// YAML shows data about the last result. JSON is YAML.
func (t *T) YAML(data interface{}) error {
	text, err := json.MarshalIndent(data, "  ", "  ")
	if err == nil {
		fmt.Fprintf(t.Writer, "  ---\n  %s\n  ...\n", text)
	}
	return err
}
