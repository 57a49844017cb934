package convert

import (
	"cmp"
	"slices"
	"strings"

	"trailgate/analyzer/detect"
	"trailgate/analyzer/rule"
)

// GroupByPrincipal returns the findings in the order in which people read them, as a new
// list. The findings of one principal are together and keep their order. The principal
// with the most severe finding comes first. Equally severe principals are sorted by key.
func GroupByPrincipal(all []detect.Finding) []detect.Finding {
	worst := map[string]rule.Severity{}
	for _, f := range all {
		who := f.Event.Principal()
		worst[who] = max(worst[who], f.Severity)
	}
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b detect.Finding) int {
		x, y := a.Event.Principal(), b.Event.Principal()
		return cmp.Or(cmp.Compare(worst[y], worst[x]), strings.Compare(x, y))
	})
	return out
}
