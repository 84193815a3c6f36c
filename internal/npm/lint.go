package npm

import "countersign/internal/module"

// lint looks for known mistakes of guides.
func lint(s *module.Source) []module.Warning { return nil }
