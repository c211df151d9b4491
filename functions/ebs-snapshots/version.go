package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

type versionOutput struct {
	Version  string `json:"version"` // of the module; (devel) if it was built in its repository
	Commit   string `json:"commit"`  // "" if the build does not know
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show which version this is", GroupID: others, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			out := versionOf()
			return a.emit(out, func() {
				a.console.printf("%s %s\n", name, out.Version)
				if out.Commit != "" {
					a.console.printf("commit %s\n", out.Commit)
				}
				a.console.printf("%s\n", out.Go)
			})
		},
	}
}

// versionOf reads what the build says of itself.
func versionOf() versionOutput {
	out := versionOutput{Version: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		out.Version, out.Go = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				out.Commit = s.Value
			case "vcs.modified":
				out.Modified = s.Value == "true"
			}
		}
	}
	return out
}
