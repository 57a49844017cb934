package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"trailgate/cmd/trailgate/internal/build"
	"trailgate/ingest/record"
	"trailgate/report"
)

// setVersion gives root the flag --version, which prints one line.
func setVersion(root *cobra.Command) {
	root.Version = versionLine(build.Read(version, record.Inflater))
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version in one line")
}

func newVersion(p *process) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and how the program was built",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := out.check(p, cmd.Flags()); err != nil {
				return err
			}
			info := build.Read(version, record.Inflater)
			return out.write(p, false, func(w io.Writer) error {
				if out.format == report.JSON {
					return writeVersionJSON(w, info)
				}
				return writeVersion(w, info)
			})
		},
	}
	out.registerOutput(cmd.Flags(), tableAndJSON())
	return cmd
}

func versionLine(i build.Info) string {
	return fmt.Sprintf("trailgate %s (%s, %s/%s)", i.Version, i.Go, i.OS, i.Arch)
}

func writeVersion(w io.Writer, i build.Info) error {
	commit := i.Commit
	if i.Modified {
		commit += ", with changes that are not committed"
	}
	lines := versionLine(i) + "\ncommit:   " + commit + "\n"
	if i.Date != "" {
		lines += "date:     " + i.Date + "\n"
	}
	_, err := io.WriteString(w, lines+"inflates: with "+i.Inflate+"\n")
	return err
}

func writeVersionJSON(w io.Writer, i build.Info) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(i)
}
