package endpoint

// Scope says whether an endpoint is the global one or that of a Region.
type Scope uint8

// The values of the scope column.
const (
	ScopeUnknown Scope = iota
	ScopeGlobal
	ScopeRegional
)

// String gives the word of the scope column.
func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeRegional:
		return "regional"
	}
	return "unknown"
}

// GlobalName is the value of the endpoint column for the global endpoint.
const GlobalName = "global"

// Confidence says how reliable a statement is.
type Confidence uint8

// The values of the confidence column, rising.
const (
	Low     Confidence = iota // not known, or based on an assumption that nobody has observed
	High                      // documented or observed, with known exceptions
	Certain                   // the record says so, and no field disagrees
)

// String gives the word of the confidence column.
func (c Confidence) String() string {
	switch c {
	case High:
		return "high"
	case Certain:
		return "certain"
	}
	return "low"
}
