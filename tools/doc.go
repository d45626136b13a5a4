// Package tools pins the programs that make packages and gosec, in a module of its
// own: the product's go.mod has nothing of theirs.
package tools
