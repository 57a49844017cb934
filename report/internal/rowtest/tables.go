package rowtest

import (
	"strconv"
	"time"

	"trailgate/report/row"
)

func march(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }

// Endpoints returns one endpoint of each scope.
func Endpoints() []row.Endpoint {
	return []row.Endpoint{
		{Scope: "regional", Endpoint: "eu-north-1", SignIns: 1031, Failures: 50, Principals: 80,
			First: march(1, 10), Last: march(14, 20)},
		{Scope: "global", Endpoint: "global", SignIns: 142, Failures: 7, Principals: 12,
			First: march(2, 10), Last: march(13, 20)},
		{Scope: "unknown", SignIns: 31, Principals: 3},
	}
}

// Principals returns n principals, the one with most sign-ins first.
func Principals(n int) []row.Principal {
	var all []row.Principal
	for i := range n {
		all = append(all, row.Principal{
			Principal: "111122223333/user/user-" + strconv.Itoa(i), IdentityType: "IAMUser", SignIns: 1300 - i, Failures: i,
			Endpoints: 2, UsualEndpoint: "eu-north-1", First: march(1, 10), Last: march(14, 20), Findings: i % 2,
		})
	}
	return all
}

// Coverages returns the rows of three places: one with gaps, one without gaps, and
// one without log files.
func Coverages() []row.Coverage {
	first, last := row.DateOf(march(1, 0)), row.DateOf(march(14, 0))
	newYear := row.DateOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return []row.Coverage{
		{AccountID: "111122223333", Region: "eu-north-1", Objects: 1400, FirstDay: first, LastDay: last, DaysWithFiles: 10,
			DaysWithoutFiles: []row.Date{first + 4, first + 5, first + 6, first + 8}},
		{AccountID: "111122223333", Region: "us-east-1", Objects: 10, FirstDay: first, LastDay: last, DaysWithFiles: 14},
		{AccountID: "123456789012", Region: "us-east-1", DaysWithoutFiles: []row.Date{newYear - 2, newYear - 1, newYear}},
	}
}
