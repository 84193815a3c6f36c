package npm

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/hookrun"
)

const (
	// maxPackedFiles and maxPackedBytes are what a worker's package may hold (package hookrun), with room for ours.
	maxPackedFiles = 59_000
	maxPackedBytes = 250_000_000
)

// checkTree judges what npm installed: regular files and folders alone, and no native code, which would have to be compiled, or was for one machine.
func checkTree(files []hookrun.File) error {
	for _, f := range files {
		name, ok := strings.CutPrefix(f.Name, inTree)
		if !ok {
			continue
		}
		owner := ownerOf(name)
		switch base := path.Base(name); {
		case f.Mode.IsDir():
		case f.Mode&fs.ModeType != 0:
			return refused("the module %s holds a link: %q", owner, cut(name))
		case base == "binding.gyp", strings.HasSuffix(base, ".node"):
			return refused("the module %s needs a native build (%s), which is not done here: use one that is JavaScript alone", owner, cut(base))
		}
	}
	return nil
}

// ownerOf is the package that a file below node_modules belongs to.
func ownerOf(name string) string {
	if i := strings.LastIndex("/"+name, "/"+inTree); i >= 0 && i+len(inTree) <= len(name) {
		name = name[i+len(inTree):]
	}
	parts := strings.SplitN(name, "/", 3)
	if strings.HasPrefix(parts[0], "@") && len(parts) > 1 {
		return cut(parts[0] + "/" + parts[1])
	}
	return cut(parts[0])
}

// Files that no code loads: documentation, types, maps from what a module was compiled from.
var (
	uselessSuffixes = []string{".md", ".markdown", ".map", ".d.ts", ".d.mts", ".d.cts", ".flow", ".tsbuildinfo", ".log"}
	uselessFolders  = set(".github .vscode .idea test tests __tests__ docs example examples coverage benchmark benchmarks")
)

// useless reports whether a file of a package may be left out; name is its path below the package.
func useless(name string) bool {
	if name == "" {
		return false
	}
	lower := strings.ToLower(name)
	if slices.ContainsFunc(uselessSuffixes, func(s string) bool { return strings.HasSuffix(lower, s) }) {
		return true
	}
	first, _, inFolder := strings.Cut(name, "/")
	return inFolder && uselessFolders[first]
}

// packTree packs node_modules as it is, without what no code loads.
func packTree(folder *hookrun.Folder, files []hookrun.File) ([]entryData, error) {
	kept := map[string]bool{} // packages that name a folder of theirs which is else left out
	var out []entryData
	sum := int64(0)
	for _, f := range files {
		name, ok := strings.CutPrefix(f.Name, inTree)
		if !ok || f.Mode.IsDir() || strings.HasPrefix(name, ".package-lock.json") {
			continue
		}
		place, within := packageOf(f.Name)
		keep, judged := kept[place]
		if !judged {
			keep = namesFolder(folder, place)
			kept[place] = keep
		}
		if useless(within) && !(keep && strings.Contains(within, "/")) {
			continue
		}
		if sum += f.Size; sum > maxPackedBytes || len(out) >= maxPackedFiles {
			return nil, tooLarge("they hold more than %d MB or %d files", maxPackedBytes/1_000_000, maxPackedFiles)
		}
		data, err := folder.Read(f.Name, maxPackedBytes)
		if err != nil {
			return nil, fault.Internalf("npm: %w", err)
		}
		out = append(out, entryData{f.Name, data})
	}
	return out, nil
}

// packageOf splits a path at the package that it belongs to: "node_modules/a/node_modules/@b/c", "lib/x.js".
func packageOf(name string) (place, within string) {
	i := strings.LastIndex("/"+name, "/"+inTree)
	rest := name[i+len(inTree):]
	parts := 1
	if strings.HasPrefix(rest, "@") {
		parts = 2
	}
	for end := range rest {
		if rest[end] == '/' {
			if parts--; parts == 0 {
				return name[:i+len(inTree)+end], rest[end+1:]
			}
		}
	}
	return name, ""
}

// namesFolder reports whether a package.json speaks of one of the folders that are left out else.
func namesFolder(folder *hookrun.Folder, place string) bool {
	text, err := folder.Read(place+"/package.json", 1<<20)
	if err != nil {
		return true
	}
	for name := range uselessFolders {
		for _, form := range []string{`"` + name + "/", `"./` + name + "/"} {
			if strings.Contains(string(text), form) {
				return true
			}
		}
	}
	return false
}

// tooLarge is fault.PayloadTooLarge about the modules.
func tooLarge(format string, args ...any) *fault.Error {
	return fault.New(fault.PayloadTooLarge).WithPublic("the modules are too large: %s", fmt.Sprintf(format, args...))
}
