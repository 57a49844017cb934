package main

import (
	"fmt"
	"strings"
	"testing"

	"trailgate/fixtures/suite"
)

// failed tells what is wrong with how a command failed. It has to say one line that says what
// about what failed on what, and one about what helps.
func failed(o outcome, hint bool, words ...string) error {
	if o.code != exitFailed {
		return fmt.Errorf("want exit status %d: %v", exitFailed, o)
	}
	line, helps := "", ""
	for text := range strings.Lines(o.stderr) {
		switch {
		case strings.HasPrefix(text, "trailgate: error: ") && line != "", strings.HasPrefix(text, "trailgate: hint: ") && helps != "":
			return fmt.Errorf("said twice: %v", o)
		case strings.HasPrefix(text, "trailgate: error: "):
			line = text
		case strings.HasPrefix(text, "trailgate: hint: "):
			helps = text
		}
	}
	if line == "" || hint && helps == "" {
		return fmt.Errorf("want an error and a hint: %v", o)
	}
	for _, word := range words {
		if !strings.Contains(line+helps, word) {
			return fmt.Errorf("want %q in it: %v", word, o)
		}
	}
	return nil
}

// TestFaultAtEachStep lets one step that writes to the disk fail, or that and
// all after it, since the disk is full. The command says so, unless what failed
// is of no consequence; readers miss nothing; and the next run leaves what an
// undisturbed one does.
func TestFaultAtEachStep(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	for _, s := range scenarios()[1:] {
		for fault, words := range map[string]string{"blip": "input/output error", "full": "no space left on device"} {
			if fault == "full" && (suite.Size(true, false) || s.victim != "export") {
				continue // blip has the same steps
			}
			t.Run(s.name+", "+fault, func(t *testing.T) {
				t.Parallel()
				r := prepare(t, bin, onDisk(t), s)
				for n := 1; ; n += stride(1) {
					name, when := fmt.Sprintf("faulty-%d", n), fmt.Sprintf("%s at step %d", fault, n)
					r.copyLake(t, "base", name)
					o := r.child(t, r.now, n, fault, r.args(s.victim, name)...)
					if !strings.Contains(o.stderr, fault+" before step") {
						t.Logf("%d steps", n-1)
						return
					}
					if o.code != r.end.code {
						if err := failed(o, fault == "full", words); err != nil {
							t.Errorf("%s: %v", when, err)
						}
					}
					committed := r.latest(t, name).Number > r.latest(t, "base").Number
					if committed != (o.code == r.end.code) && s.victim == "export" {
						t.Errorf("%s: committed: %v, but %v", when, committed, o)
					}
					r.readers(t, name, when)
					r.age(t, name)
					r.goesOn(t, name, when, s.victim)
					if t.Failed() {
						t.Fatalf("%v", o)
					}
				}
			})
		}
	}
}
