// Package archtest holds the rules of who may import whom, as tests. It has no
// code of its own: the reason for each rule stands beside it in rules_test.go.
package archtest
