package detect_test

import (
	"encoding/json"
	"strings"
	"testing"

	"trailgate/analyzer/detect"
)

func TestBaselineRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":          "PAR1",
		"another document": `{"findings":[]}`,
		"another version":  `{"trailgate_baseline":7}`,
		"two documents":    `{"trailgate_baseline":1}{}`,
		"negative weight":  `{"trailgate_baseline":1,"organization":{"last":1,"seen":1,"at":[{"endpoint":"global","weight":-1,"times":1}]}}`,
		"does not add up":  `{"trailgate_baseline":1,"organization":{"last":1,"seen":2,"at":[{"endpoint":"global","weight":1,"times":1}]}}`,
		"unsorted":         `{"trailgate_baseline":1,"organization":{"last":1,"seen":2,"at":[{"endpoint":"global","weight":1,"times":1},{"endpoint":"eu-west-1","weight":1,"times":1}]}}`,
		"empty account":    `{"trailgate_baseline":1,"accounts":{"111122223333":null}}`,
		"empty principal":  `{"trailgate_baseline":1,"principals":{"x":null}}`,
		"empty address":    `{"trailgate_baseline":1,"sources":{"x":null}}`,
		"empty times":      `{"trailgate_baseline":1,"hidden":{"x":[]}}`,
		"empty burst":      `{"trailgate_baseline":1,"bursts":{"x":null}}`,
	} {
		if _, err := detect.ParseBaseline([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "baseline: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBaselineOfNothing(t *testing.T) {
	b, err := json.Marshal(&detect.Baseline{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := detect.ParseBaseline(b)
	if err != nil {
		t.Fatal(err)
	}
	if back.Principals() != 0 || !back.LearnedUntil().IsZero() {
		t.Errorf("%d principals, through %v", back.Principals(), back.LearnedUntil())
	}
}

// FuzzParseBaseline must not panic, and what it accepts can be judged with,
// saved, and read again.
func FuzzParseBaseline(f *testing.F) {
	j := &detect.Detector{}
	detectAll(j, randomSignIns(1, 8))
	seed, err := json.Marshal(j.Baseline)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"trailgate_baseline":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := detect.ParseBaseline(data)
		if err != nil {
			return
		}
		detectAll(&detect.Detector{Baseline: b}, randomSignIns(2, 20))
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := detect.ParseBaseline(again); err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
	})
}
