package main

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"trailgate/report"
	"trailgate/report/ddl"
	"trailgate/report/row"
)

// ddlFlags are the flags of the statement that creates a table.
type ddlFlags struct {
	dialect string
	to      string
	by      []string
}

func newSchema(p *process) *cobra.Command {
	var out outputFlags
	var ddl ddlFlags
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the columns of a table and their meaning, or the statement that creates it",
		Long: `Schema prints the columns of a table and their meaning. With --ddl it prints the
statement that creates the table of a lake in Athena, DuckDB or Spark. Without
--rows it then prints the statements of both tables, signins and findings. DuckDB
can create the view only if the table holds at least one file.`,
		Example: `  trailgate schema --rows principals
  trailgate schema --ddl athena --to s3://example-lake/trailgate
  trailgate schema --ddl duckdb --to ./lake | duckdb lake.duckdb`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind, asked := row.Kind(out.rows), cmd.Flags().Changed("rows")
			if ddl.dialect != "" {
				return ddl.printDDL(p, cmd, &out, kind, asked)
			}
			for _, name := range [...]string{"to", "partition-by"} {
				if cmd.Flags().Changed(name) {
					return usagef("--%s goes with --ddl", name)
				}
			}
			if kind == "" {
				kind = row.SignIns
			}
			out.rows = ""
			if err := out.check(p, cmd.Flags()); err != nil {
				return err
			}
			if row.Columns(kind) == nil {
				return usagef("--rows %q: give one of signins, findings, endpoints, principals, coverage", string(kind))
			}
			return out.write(p, false, func(w io.Writer) error {
				if out.format == report.JSON {
					return report.WriteSchemaJSON(w, kind)
				}
				return report.WriteSchema(w, kind, out.options(p, nil))
			})
		},
	}
	out.registerOutput(cmd.Flags(), tableAndJSON())
	cmd.Flags().StringVar(&out.rows, "rows", "signins", "the table: signins, findings, endpoints, principals or coverage")
	cmd.Flags().StringVar(&ddl.dialect, "ddl", "", "print the statement for this `engine`: athena, duckdb or spark")
	cmd.Flags().StringVar(&ddl.to, "to", "", "with --ddl: the lake, a folder or s3://BUCKET/PREFIX (default: the folder lake for duckdb, otherwise s3://BUCKET/PREFIX for you to replace)")
	cmd.Flags().StringSliceVar(&ddl.by, "partition-by", nil, "with --ddl: the `column` of --partition-by when the lake was exported: account_id")
	return cmd
}

// printDDL prints the statements that create the tables: only that of kind if
// one is true, and otherwise both. It checks all of them before it writes the first.
func (f *ddlFlags) printDDL(p *process, cmd *cobra.Command, out *outputFlags, kind row.Kind, one bool) error {
	d := ddl.Dialect(f.dialect)
	switch d {
	case ddl.Athena, ddl.Spark:
		if f.to == "" {
			f.to = "s3://BUCKET/PREFIX"
		}
	case ddl.DuckDB:
		if f.to == "" {
			f.to = "lake"
		}
	default:
		return usagef("--ddl %q: give one of athena, duckdb, spark", f.dialect)
	}
	if _, _, err := parseStore("to", f.to); err != nil {
		return err
	}
	if cmd.Flags().Changed("format") {
		return usagef("--ddl is a format of its own: leave out --format")
	}
	for _, column := range f.by {
		if column != "event_date" && column != "account_id" {
			return usagef("--partition-by %q: give account_id; event_date is always there", column)
		}
	}
	kinds := []row.Kind{row.SignIns, row.Findings}
	if one {
		if kind != row.SignIns && kind != row.Findings {
			return usagef("--rows %q: the lake has signins and findings", string(kind))
		}
		kinds = []row.Kind{kind}
	}
	lake := ddl.Lake{Location: f.to, ByAccount: slices.Contains(f.by, "account_id")}
	for _, k := range kinds {
		if err := ddl.Write(io.Discard, d, k, lake); err != nil {
			return usagef("--to: %w", err)
		}
	}
	return out.write(p, false, func(w io.Writer) error {
		for i, k := range kinds {
			if i > 0 {
				if _, err := io.WriteString(w, "\n"); err != nil {
					return err
				}
			}
			if err := ddl.Write(w, d, k, lake); err != nil {
				return err
			}
		}
		return nil
	})
}
