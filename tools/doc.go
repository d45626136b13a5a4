// Package tools pins the programs that make packages, in a module of its own: the
// product's go.mod has nothing of theirs.
package tools
