package main

import (
	"fmt"
	"strings"
	"testing"

	"trailgate/fixtures/suite"
)

// checkFailure says what is wrong with the messages of a command that failed. It must say
// in one line which operation failed on which object, and give one hint if that is wanted.
func checkFailure(o outcome, hint bool, words ...string) error {
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

// TestFaultAtEachStep makes one step that writes to the disk fail, or this one and all
// later ones, as on a full disk. The command must report it, unless the step was not
// necessary. Readers must not miss a row. The next run must leave what an undisturbed run
// leaves.
func TestFaultAtEachStep(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	for _, s := range victimScenarios()[1:] {
		for fault, words := range map[string]string{"blip": "input/output error", "full": "no space left on device"} {
			if fault == "full" && (suite.Size(true, false) || s.victim != "export") {
				continue // blip has the same steps
			}
			t.Run(s.name+", "+fault, func(t *testing.T) {
				t.Parallel()
				r := prepareScenario(t, bin, lakesOnDisk(t), s)
				for n := 1; ; n += stepInterval(1) {
					name, when := fmt.Sprintf("faulty-%d", n), fmt.Sprintf("%s at step %d", fault, n)
					r.copyLake(t, "base", name)
					o := r.child(t, r.now, n, fault, r.args(s.victim, name)...)
					if !strings.Contains(o.stderr, fault+" before step") {
						t.Logf("%d steps", n-1)
						return
					}
					if o.code != r.end.code {
						if err := checkFailure(o, fault == "full", words); err != nil {
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
