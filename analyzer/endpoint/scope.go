package endpoint

// Scope says whether an endpoint is the global one or a Region's.
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

// GlobalName is what the endpoint column says of the global endpoint.
const GlobalName = "global"

// Confidence says how far a statement carries.
type Confidence uint8

// The values of the confidence column, rising.
const (
	Low     Confidence = iota // cannot be told, or rests on what nobody has observed
	High                      // documented or observed, with known exceptions
	Certain                   // the record says so itself, and nothing in it disagrees
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
