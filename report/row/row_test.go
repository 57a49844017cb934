package row_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/row"
)

func TestColumnsAgree(t *testing.T) {
	var contract []string
	for _, c := range row.Columns(row.SignIns) {
		contract = append(contract, c.Name)
	}
	want := strings.Fields(`event_time event_id original_event_id account_id recorded_region partition scope endpoint basis confidence notes
		signin_host identity_type principal principal_arn user_name role_name session_name outcome error_code error_message
		mfa source_ip user_agent login_to saml_provider_arn vpc_endpoint_id tls_version tls_cipher event_version mobile
		carrier origin event_date`)
	if diff := cmp.Diff(want, contract); diff != "" {
		t.Errorf("signins (-want +got):\n%s", diff)
	}
	contract = nil
	for _, c := range row.Columns(row.Findings) {
		contract = append(contract, c.Name)
	}
	want = append(strings.Fields("finding_id rule severity reason observed expected surprise"), want...)
	if diff := cmp.Diff(want, contract); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for _, k := range []row.Kind{row.SignIns, row.Findings, row.Endpoints, row.Principals, row.Coverages} {
		for _, c := range row.Columns(k) {
			if c.Name == "" || c.Doc == "" || c.Type == "" {
				t.Errorf("%s: column %+v lacks something", k, c)
			}
		}
	}
	if got := row.Columns("nothing"); got != nil {
		t.Errorf("columns of no kind: %v", got)
	}
}

func TestDates(t *testing.T) {
	for s, want := range map[string]string{"2026-03-01T00:00:00Z": "2026-03-01", "2026-02-28T23:59:59.999Z": "2026-02-28",
		"2026-03-01T00:30:00+02:00": "2026-02-28", "1969-12-31T23:00:00Z": "1969-12-31"} {
		if got := row.DateOf(moment(t, s)).String(); got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
	if got := row.Date(0).String(); got != "" {
		t.Errorf("zero date: %q", got)
	}
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	m, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
