package publisher

import "time"

// trying is the camera's phase while it is being opened. That it is tried once more
// is no news: to wake all who wait for some would be most of what a try costs.
func (p *Publisher) trying() {
	p.mu.Lock()
	again := p.camera.phase == phaseWaiting && p.camera.fault != nil
	if again {
		p.camera.phase = phaseWorking
	}
	p.mu.Unlock()
	if !again {
		p.update(func() { p.camera.phase = phaseWorking })
	}
}

// cameraFailed records why the camera is away and says how long to wait.
func (p *Publisher) cameraFailed(err error, pace *backoff) time.Duration {
	f := faultOf(err)
	if p.cfg.Sub != nil && isUnfit(err) {
		p.mu.Lock()
		f.Slow = f.Slow && !p.streams.hurries()
		p.mu.Unlock()
	}
	wait := pace.next(f)
	p.report("camera", f, wait)
	down := side{phase: phaseWaiting, fault: &f, stall: isStall(err), barred: isBarred(err)}
	if p.failedAgain(down) {
		return wait
	}
	p.update(func() {
		p.camera = down
		p.status.CameraFailures++
		p.status.Tried = true
		if p.away.IsZero() {
			p.away = p.gone(p.camera.stall)
		}
	})
	return wait
}

// failedAgain counts a failure if it is the same as the last one, which is no news.
func (p *Publisher) failedAgain(down side) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.camera
	again := last.phase == phaseWorking && last.fault != nil && *last.fault == *down.fault &&
		last.stall == down.stall && last.barred == down.barred && p.status.Tried && !p.away.IsZero()
	if again {
		p.camera.phase = phaseWaiting
		p.status.CameraFailures++
	}
	return again
}

// gone is since when the camera has been away: a stalled one since its newest frame,
// so that its frozen picture leaves the room in time. p.mu is held.
func (p *Publisher) gone(stalled bool) time.Time {
	now := time.Now()
	if !stalled || p.video == nil {
		return now
	}
	last := unixNano(p.video.lastIn.Load())
	if last.IsZero() || last.After(now) {
		return now
	}
	return last
}
