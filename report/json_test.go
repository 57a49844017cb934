package report_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/report"
	"trailgate/report/internal/rowtest"
)

func TestJSONLRoundTrip(t *testing.T) {
	rows := append(slices.Collect(rowtest.Many(2000, 5)), rowtest.Full(), rowtest.Minimal(), rowtest.Hostile())
	var b bytes.Buffer
	if err := writeRowsAs("jsonl", &b, slices.Values(rows)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(&b)
	i := 0
	for ; lines.Scan(); i++ {
		var got map[string]any
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if diff := cmp.Diff(rowtest.Decoded(rows[i]), got); diff != "" {
			t.Fatalf("line %d (-want +got):\n%s", i+1, diff)
		}
		for _, r := range lines.Text() {
			if r < ' ' || 0x7f <= r && r < 0xa0 || r == 0x202e || r == 0xe0041 {
				t.Fatalf("line %d holds %U", i+1, r)
			}
		}
	}
	if i != len(rows) {
		t.Errorf("%d lines for %d rows", i, len(rows))
	}
}

func TestJSONDocument(t *testing.T) {
	var b bytes.Buffer
	d := sample()
	d.Summary.Accounts = []string{"\u202e1"}
	d.Coverage.Remarks = []string{"\x7f\u009b <b> & \U000e0041"}
	if err := writeAs("json", &b, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Summary struct {
			Accounts []string
			Endpoint []map[string]any `json:"by_endpoint"`
		}
		Coverage struct{ Remarks []string }
		Findings []map[string]any
		SignIns  []map[string]any `json:"signins"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Summary.Accounts, got.Summary.Accounts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(d.Coverage.Remarks, got.Coverage.Remarks); diff != "" {
		t.Error(diff)
	}
	if len(got.Findings) != 2 || len(got.SignIns) != 3 || len(got.Summary.Endpoint) != 3 {
		t.Errorf("%d findings, %d sign-ins, %d endpoints", len(got.Findings), len(got.SignIns), len(got.Summary.Endpoint))
	}
	if bytes.ContainsAny(b.Bytes(), "\u202e\u009b\x7f\U000e0041") {
		t.Error("a dangerous character stands in the document as it is")
	}
}
