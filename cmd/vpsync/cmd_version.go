package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version string

// versionText is the version, else the commit that was built, else "unknown".
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "unknown"
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version",
		Example: "  vpsync version --json",
		RunE:    func(*cobra.Command, []string) error { return a.showVersion() },
	}
}

func (a *app) showVersion() error {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	if a.json {
		return a.printJSON(struct {
			FormatVersion string   `json:"format_version"`
			Version       string   `json:"version"`
			Go            string   `json:"go"`
			Platform      string   `json:"platform"`
			Providers     []string `json:"providers"`
		}{formatVersion, versionText(), runtime.Version(), platform, embeddedNames()})
	}
	_, err := fmt.Fprintf(a.out, "vpsync %s (%s, %s)\n", versionText(), runtime.Version(), platform)
	return err
}
