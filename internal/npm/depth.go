package npm

// The parser recurses, and Go ends a program whose stack grows beyond a bound: half a megabyte of brackets would end the server. Its time, too, grows
// with the cube of how deep some constructs lie in one another. So deep scripts are parsed in a process of their own.
const (
	// shallowDepth is what is parsed in this process, in a few milliseconds; deepDepth is what may be where there is no other process.
	shallowDepth = 300
	deepDepth    = 2000
	// maxFlat bounds what a statement nests or chains without brackets: commas of one list, else branches and the like of one script.
	maxFlat = 4000
)

// nested bounds from above how deep the parser recurses: for all brackets that are open, the tokens since what surely ended an expression or a
// statement. Lists and statements that are chained too long count as endless.
func nested(toks []token) int {
	type level struct{ tokens, commas int }
	stack := []level{{}}
	depth, sum, statements := 0, 0, 0
	reset := func() {
		top := &stack[len(stack)-1]
		sum -= top.tokens
		top.tokens = 0
	}
	var blocks []bool
	for i, t := range toks {
		if t.newline && i > 0 && endsLine(toks[i-1], t) {
			reset()
		}
		top := &stack[len(stack)-1]
		top.tokens++
		sum++
		depth = max(depth, sum)
		if t.kind == word && control[t.text] || t.word("else") || t.word("do") {
			statements++
		}
		if t.kind != punct {
			continue
		}
		switch t.text {
		case "(", "[", "{", "${":
			blocks = append(blocks, t.text == "{" && i > 0 && (&lexer{}).blockMayFollow(toks[i-1]))
			stack = append(stack, level{})
		case ")", "]", "}":
			if len(stack) > 1 {
				reset()
				stack = stack[:len(stack)-1]
				if blocks[len(blocks)-1] {
					reset()
				}
				blocks = blocks[:len(blocks)-1]
			}
		case ";":
			reset()
		case ",":
			reset()
			if top.commas++; top.commas > maxFlat {
				return 1 << 30
			}
		}
	}
	if statements > maxFlat || len(toks) >= maxTokens {
		return 1 << 30
	}
	return depth
}

// endsLine reports whether a line that ends between the two ends a statement as well, as far as can be told.
func endsLine(before, after token) bool {
	if after.kind != word || after.word("in") || after.word("instanceof") {
		return false
	}
	switch before.kind {
	case word:
		return !beforeExpression[before.text] && before.text != "async" && before.text != "class" && before.text != "function"
	case punct:
		return before.text == ")" || before.text == "]" || before.text == "}" || before.text == "`"
	}
	return true
}
