package spec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// fileFunctions read files of the stack's folder. The operating system keeps them in it: neither "..", nor an absolute
// path, nor a symbolic link leads out.
func fileFunctions(dir string) map[string]function.Function {
	all := map[string]function.Function{
		"file": pathFunction(func(name string) (string, error) { return readText(dir, name) }),
		"filebase64": pathFunction(func(name string) (string, error) {
			data, err := readFile(dir, name)
			return base64.StdEncoding.EncodeToString(data), err
		}),
		"fileexists": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "path", Type: cty.String}}, Type: function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				if err := foreign(dir, args[0].AsString()); err != nil {
					return cty.NilVal, function.NewArgError(0, err)
				}
				root, err := os.OpenRoot(dir)
				if err != nil {
					return cty.NilVal, err
				}
				defer root.Close()
				info, err := root.Stat(args[0].AsString())
				if errors.Is(err, fs.ErrNotExist) {
					return cty.False, nil
				}
				if err != nil {
					return cty.NilVal, function.NewArgErrorf(0, "cannot be looked for (%s); files lie in the stack's own folder", reason(err))
				}
				return cty.BoolVal(info.Mode().IsRegular()), nil
			},
		}),
		"fileset": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
			Type:   function.StaticReturnType(cty.Set(cty.String)),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return fileSet(dir, args[0].AsString(), args[1].AsString())
			},
		}),
	}
	for name, digest := range digests {
		all["file"+name] = pathFunction(func(name string) (string, error) {
			data, err := readFile(dir, name)
			return digest(data), err
		})
	}
	return all
}

// pathFunction makes a function of a file's path.
func pathFunction(f func(path string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

// readFile reads a file of the stack's folder.
func readFile(dir, name string) ([]byte, error) {
	if err := foreign(dir, name); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	data, err := readLimited(root, name, MaxFileBytes+1)
	switch {
	case err != nil && strings.Contains(name, `\`):
		return nil, fmt.Errorf("%s cannot be read (%s); the parts of a path are set apart by / on every system: %s", name, reason(err), strings.ReplaceAll(name, `\`, "/"))
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read (%s); files lie in the stack's own folder", name, reason(err))
	case len(data) > MaxFileBytes:
		return nil, fmt.Errorf("%s is larger than %d bytes", name, MaxFileBytes)
	}
	return data, nil
}

func readText(dir, name string) (string, error) {
	data, err := readFile(dir, name)
	if err == nil && !utf8.Valid(data) {
		err = fmt.Errorf("%s is not UTF-8 text; filebase64 reads any file", name)
	}
	return string(data), err
}

// No function reads these folders: they hold no configuration. vpsync's own has the state, and closing a descriptor of its database
// would drop the locks that this process holds on it. Git's has the token that a checkout left behind.
const (
	privateFolder = ".vpsync"
	gitFolder     = ".git"
)

// foreign says why a path is no part of the configuration, or nothing. What leads out of the folder by a symbolic link
// is refused by the operating system when it is opened; one that leads to a folder which is nobody's to read is followed here, before that.
func foreign(dir, name string) error {
	clean := filepath.Clean(filepath.FromSlash(name))
	if !filepath.IsLocal(clean) {
		return fmt.Errorf("%s leads out of the stack's own folder; copy the file into it", name)
	}
	if owner := ownerOf(clean); owner != "" {
		return fmt.Errorf("%s belongs to %s and is no part of the configuration", name, owner)
	}
	folder, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil // opening it says what is wrong
	}
	target, err := filepath.EvalSymlinks(filepath.Join(dir, clean))
	if err != nil {
		return nil
	}
	if relative, err := filepath.Rel(folder, target); err == nil && ownerOf(relative) != "" {
		return fmt.Errorf("%s belongs to %s and is no part of the configuration", name, ownerOf(relative))
	}
	return nil
}

// ownerOf is to whom a clean path belongs that is no configuration's, or empty. Some systems take .GIT for .git.
func ownerOf(path string) string {
	for i, part := range strings.Split(path, string(filepath.Separator)) {
		switch {
		case strings.EqualFold(part, gitFolder): // of a repository in the repository, too
			return "git"
		case i == 0 && strings.EqualFold(part, privateFolder):
			return "vpsync itself"
		}
	}
	return ""
}

// fileSet lists the files below a folder of the stack whose paths match a pattern.
func fileSet(dir, path, pattern string) (cty.Value, error) {
	if err := foreign(dir, path); err != nil {
		return cty.NilVal, function.NewArgError(0, err)
	}
	if err := boundGlob(pattern); err != nil {
		return cty.NilVal, function.NewArgError(1, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return cty.NilVal, err
	}
	defer root.Close()
	sub, err := root.OpenRoot(path)
	if err != nil {
		return cty.NilVal, function.NewArgErrorf(0, "cannot be opened (%s); files lie in the stack's own folder", reason(err))
	}
	defer sub.Close()
	names, err := doublestar.Glob(sub.FS(), pattern, doublestar.WithFilesOnly(), doublestar.WithNoFollow())
	if err != nil {
		return cty.NilVal, function.NewArgErrorf(1, "is not a pattern such as **/*.pub")
	}
	names = slices.DeleteFunc(names, func(n string) bool { return foreign(dir, filepath.Join(path, n)) != nil })
	if len(names) == 0 {
		return cty.SetValEmpty(cty.String), nil
	}
	if len(names) > maxElements {
		return cty.NilVal, function.NewArgErrorf(1, "matches more than %d files", maxElements)
	}
	out := make([]cty.Value, len(names))
	for i, n := range names {
		out[i] = cty.StringVal(n)
	}
	return cty.SetVal(out), nil
}
