package row_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/internal/rowtest"
)

func TestMarshalJSON(t *testing.T) {
	// A finding is not the sign-in that it embeds.
	b, err := json.Marshal(rowtest.Finding())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rowtest.Decoded(rowtest.Finding()), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{"", "\"\\", "\x00\n", "\u2028\u202e", "\xff", "\U000e0041😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		signIn := rowtest.Minimal()
		signIn.EventID = s
		b, err := signIn.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			EventID string `json:"event_id"`
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if want := string([]rune(s)); got.EventID != want {
			t.Fatalf("%q came back as %q", want, got.EventID)
		}
	})
}
