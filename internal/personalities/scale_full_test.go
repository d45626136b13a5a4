//go:build full

package personalities_test

// scale leaves the times after which cameras do something as they are.
const scale = 1
