package main

import (
	"io"

	"github.com/spf13/cobra"

	"trailgate/report"
)

func newSchema(p *process) *cobra.Command {
	var out outFlags
	cmd := &cobra.Command{
		Use:     "schema",
		Short:   "Print the columns of a table with their meaning",
		Example: `  trailgate schema --rows principals`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind := report.Kind(out.rows)
			if kind == "" {
				kind = report.SignIns
			}
			out.rows = ""
			if err := out.check(p, cmd.Flags(), "table", "json"); err != nil {
				return err
			}
			if report.Columns(kind) == nil {
				return usagef("--rows %q: give one of signins, findings, endpoints, principals, coverage", string(kind))
			}
			return out.write(p, false, func(w io.Writer) error {
				if out.format == "json" {
					return report.WriteSchemaJSON(w, kind)
				}
				return report.WriteSchema(w, kind, out.options(p, nil))
			})
		},
	}
	out.register(cmd.Flags(), "table, json")
	cmd.Flags().StringVar(&out.rows, "rows", "signins", "signins, findings, endpoints, principals or coverage")
	return cmd
}
