package render

import "github.com/vpsync/vpsync/pkg/spec"

// DiagnosticsDocument is messages for programs.
type DiagnosticsDocument struct {
	FormatVersion string               `json:"format_version"`
	VpsyncVersion string               `json:"vpsync_version,omitempty"`
	Valid         bool                 `json:"valid"`
	Errors        int                  `json:"error_count"`
	Warnings      int                  `json:"warning_count"`
	Diagnostics   []DiagnosticDocument `json:"diagnostics"`
}

// DiagnosticDocument is spec.Diagnostic as it is.
type DiagnosticDocument = spec.Diagnostic

// NewDiagnosticDocument gives a message as part of a document.
func NewDiagnosticDocument(d spec.Diagnostic) DiagnosticDocument { return d }

// DiagnosticsJSON writes messages as one versioned document.
func DiagnosticsJSON(diags spec.Diagnostics, m Meta) ([]byte, error) {
	return Encode(NewDiagnosticsDocument(diags, m))
}

// NewDiagnosticsDocument is messages as one versioned document; Valid says that none is an error.
func NewDiagnosticsDocument(diags spec.Diagnostics, m Meta) DiagnosticsDocument {
	d := DiagnosticsDocument{FormatVersion: FormatVersion, VpsyncVersion: m.Version, Diagnostics: each(diags, NewDiagnosticDocument)}
	for _, x := range diags {
		if x.Severity == spec.SeverityWarning {
			d.Warnings++
		} else {
			d.Errors++
		}
	}
	d.Valid = d.Errors == 0
	return d
}
