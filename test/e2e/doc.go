// Package e2e holds the end-to-end tests: rtsp2whip as a program between
// simulated cameras and the real servers and browser of package parts.
//
// They build with the tag e2e; the long ones with full as well.
package e2e
