//go:build full

package personalities_test

// scale leaves the times after which cameras do something as they are.
const scale = 1

// tenths of the pictures arrive where one datagram of a thousand is lost, and late is how
// many times longer than promised what is promised may take.
const tenths, late = 9, 1
