// Package personalities proves what becomes of the cameras that people own. Its
// test plays every personality of the simulated cameras to a WHIP receiver, holds
// what arrives against what the camera has sent, and writes docs/cameras.md. The
// code here is what such tests share: the Receiver and the table.
package personalities
