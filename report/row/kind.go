package row

import (
	"reflect"

	"trailgate/report/internal/columns"
)

// Kind names a table of rows. Its text is the value of --rows.
type Kind string

// The kinds of rows.
const (
	SignIns    Kind = "signins"
	Findings   Kind = "findings"
	Endpoints  Kind = "endpoints"
	Principals Kind = "principals"
	Coverages  Kind = "coverage"
)

// Row is any of the row types.
type Row interface {
	SignIn | Finding | Endpoint | Principal | Coverage
}

// Column is one column of a row type.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // string, timestamp(ms, UTC), date, bigint, double, boolean, list of string, list of date
	Nullable bool   `json:"nullable"` // null, or empty in CSV, means that the record does not have this value
	Doc      string `json:"doc"`
}

// Columns returns the columns of a kind of rows in their order, or nil for an
// unknown kind. Every format has these columns. The caller owns the slice.
func Columns(k Kind) []Column {
	var all []Column
	for _, f := range Fields(k) {
		all = append(all, Column{Name: f.Name, Type: f.Type, Nullable: f.Nullable, Doc: f.Doc})
	}
	return all
}

// Fields returns the columns of a kind of rows, each with the place of its
// value. It is for the formats: only packages below report can use the result.
func Fields(k Kind) []columns.Field {
	switch k {
	case SignIns:
		return columns.Of(reflect.TypeFor[SignIn]())
	case Findings:
		return columns.Of(reflect.TypeFor[Finding]())
	case Endpoints:
		return columns.Of(reflect.TypeFor[Endpoint]())
	case Principals:
		return columns.Of(reflect.TypeFor[Principal]())
	case Coverages:
		return columns.Of(reflect.TypeFor[Coverage]())
	}
	return nil
}

// MarshalJSON returns the row as an object with the columns of signins.
func (s SignIn) MarshalJSON() ([]byte, error) { return columns.Marshal(s), nil }

// MarshalJSON returns the row as an object with the columns of findings.
func (f Finding) MarshalJSON() ([]byte, error) { return columns.Marshal(f), nil }

// MarshalJSON returns the row as an object with the columns of endpoints.
func (e Endpoint) MarshalJSON() ([]byte, error) { return columns.Marshal(e), nil }

// MarshalJSON returns the row as an object with the columns of principals.
func (p Principal) MarshalJSON() ([]byte, error) { return columns.Marshal(p), nil }

// MarshalJSON returns the row as an object with the columns of coverage.
func (c Coverage) MarshalJSON() ([]byte, error) { return columns.Marshal(c), nil }
