package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// collector reads every camera's snapshot when it is scraped, so that a
// camera's series are there from its start and gone with it.
type collector struct {
	cameras  func() []publisher.Status
	previews Previews // nil: switched off
	version  string
}

// metric is one series a camera has.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(publisher.Status) float64
}

func counter(name, help string, value func(publisher.Status) uint64) metric {
	return metric{desc(name, help), prometheus.CounterValue, func(s publisher.Status) float64 { return float64(value(s)) }}
}

func gauge(name, help string, value func(publisher.Status) float64) metric {
	return metric{desc(name, help), prometheus.GaugeValue, value}
}

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("rtsp2whip_camera_"+name, help, []string{"camera"}, nil)
}

var (
	infoDesc = prometheus.NewDesc("rtsp2whip_build_info",
		"Always 1; the label tells the version.", []string{"version"}, nil)
	camerasDesc = prometheus.NewDesc("rtsp2whip_cameras",
		"Enabled cameras by state.", []string{"state"}, nil)
	stateDesc = prometheus.NewDesc("rtsp2whip_camera_state",
		"1 for the state the camera is in, 0 for the others.", []string{"camera", "state"}, nil)
)

var (
	previewsDesc = prometheus.NewDesc("rtsp2whip_previews", "Previews that are open in browsers, or being opened.", nil, nil)
	droppedDesc  = prometheus.NewDesc("rtsp2whip_preview_dropped_packets_total",
		"RTP packets not sent to a preview because its browser, or the way to it, was too slow.", nil, nil)
)

var pathDesc = prometheus.NewDesc("rtsp2whip_camera_path",
	"1 for the kind of path in use: the type of the local ICE candidate, and the protocol to the far end or to the TURN server.",
	[]string{"camera", "type", "protocol"}, nil)

var wayDesc = prometheus.NewDesc("rtsp2whip_camera_key_frame_way",
	"1 for the way of asking for key frames that the camera honours; no series while none is known.", []string{"camera", "way"}, nil)

var metrics = []metric{
	gauge("state_since_timestamp_seconds", "Unix time of the last change of state.",
		func(s publisher.Status) float64 { return float64(s.Since.UnixMilli()) / 1000 }),
	gauge("last_frame_timestamp_seconds", "Unix time of the newest packet sent; 0 for none yet.",
		func(s publisher.Status) float64 {
			if s.LastFrame.IsZero() {
				return 0
			}
			return float64(s.LastFrame.UnixMilli()) / 1000
		}),
	gauge("frames_per_second", "Access units a second over the last seconds.",
		func(s publisher.Status) float64 { return s.FPS }),
	gauge("bits_per_second", "RTP payload bits sent a second over the last seconds.",
		func(s publisher.Status) float64 { return s.Bitrate }),
	gauge("key_frame_interval_seconds", "Time between the last two key frames; 0 while unknown.",
		func(s publisher.Status) float64 { return s.KeyFrameInterval.Seconds() }),
	gauge("key_frame_delay_seconds", "Time from asking the camera for a key frame to its arrival, the last time; 0 while no way of asking works.",
		func(s publisher.Status) float64 { return s.Prompt.Delay.Seconds() }),
	gauge("room_viewers", "Participants of the camera's LiveKit room who may watch and are no cameras; 0 where LiveKit cannot be asked.",
		func(s publisher.Status) float64 { return float64(s.Viewers) }),
	gauge("rtt_seconds", "Round trip time to the far end; 0 while unknown.",
		func(s publisher.Status) float64 { return s.RTT.Seconds() }),
	gauge("fraction_lost", "Share of video packets lost towards the far end, 0 to 1, by its newest report.",
		func(s publisher.Status) float64 { return s.FractionLost }),
	gauge("available_bits_per_second", "What the path to the far end carries at least; 0 while unknown.",
		func(s publisher.Status) float64 { return s.AvailableRate }),
	gauge("allowed_bits_per_second", "What the far end lets the video send; 0: it has set no limit.",
		func(s publisher.Status) float64 { return s.AllowedRate }),
	gauge("pacing_bits_per_second", "Rate at which bursts are spread; 0 without pacing.",
		func(s publisher.Status) float64 { return s.Pacing.Rate }),
	gauge("pacing_delay_seconds", "The longest that a packet has waited for pacing in the last seconds.",
		func(s publisher.Status) float64 { return s.Pacing.Delay.Seconds() }),
	counter("paced_packets_total", "RTP packets that have waited for pacing.", func(s publisher.Status) uint64 { return s.Pacing.Delayed }),
	counter("paced_hastened_packets_total", "RTP packets sent above the rate of pacing, because they had waited long enough.",
		func(s publisher.Status) uint64 { return s.Pacing.Hastened }),
	counter("paced_discarded_packets_total", "Retransmissions for which pacing had no room.",
		func(s publisher.Status) uint64 { return s.Pacing.Discarded }),
	counter("sent_packets_total", "RTP packets sent to the target.", func(s publisher.Status) uint64 { return s.Packets }),
	counter("sent_bytes_total", "RTP payload bytes sent to the target.", func(s publisher.Status) uint64 { return s.Bytes }),
	counter("lost_packets_total", "RTP packets lost between the camera and this program.", func(s publisher.Status) uint64 { return s.Lost }),
	counter("damaged_access_units_total", "Access units not sent in full because of such losses.", func(s publisher.Status) uint64 { return s.Damaged }),
	counter("nacked_packets_total", "RTP packets that the far end asked for again.", func(s publisher.Status) uint64 { return s.Nacked }),
	counter("retransmitted_packets_total", "RTP packets sent to the far end again.", func(s publisher.Status) uint64 { return s.Retransmitted }),
	counter("ice_restarts_total", "Moves of a session to a new path by an ICE restart.", func(s publisher.Status) uint64 { return s.Restarts }),
	counter("key_frame_requests_total", "PLI and FIR received from the far end.", func(s publisher.Status) uint64 { return s.PLIs }),
	counter("key_frame_asks_total", "Requests for a key frame sent to the camera, in any way.", func(s publisher.Status) uint64 { return s.Prompt.Asks }),
	counter("key_frames_total", "Key frames seen from the camera.", func(s publisher.Status) uint64 { return s.KeyFrames }),
	counter("camera_sessions_total", "RTSP sessions that played.", func(s publisher.Status) uint64 { return s.CameraSessions }),
	counter("camera_failures_total", "RTSP sessions that failed or were lost.", func(s publisher.Status) uint64 { return s.CameraFailures }),
	gauge("sub_stream", "1 while the camera's smaller stream (sub_url) plays in place of the main one, 0 otherwise.",
		func(s publisher.Status) float64 { return oneIf(s.Stream == publisher.Sub) }),
	counter("stream_changes_total", "Changes between the camera's main and its smaller stream.", func(s publisher.Status) uint64 { return s.StreamChanges }),
	counter("target_sessions_total", "WHIP sessions that connected.", func(s publisher.Status) uint64 { return s.TargetSessions }),
	counter("target_failures_total", "WHIP sessions that failed or were lost.", func(s publisher.Status) uint64 { return s.TargetFailures }),
}

// Describe sends every description.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- infoDesc
	ch <- camerasDesc
	ch <- stateDesc
	ch <- previewsDesc
	ch <- droppedDesc
	ch <- pathDesc
	ch <- wayDesc
	for _, m := range metrics {
		ch <- m.desc
	}
}

// Collect sends every camera's values.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(infoDesc, prometheus.GaugeValue, 1, c.version)
	c.collectPreviews(ch)
	count := make(map[publisher.State]int)
	for _, s := range c.cameras() {
		count[s.State]++
		for _, m := range metrics {
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s), s.Name)
		}
		if s.PathType != "" {
			ch <- prometheus.MustNewConstMetric(pathDesc, prometheus.GaugeValue, 1, s.Name, s.PathType, s.PathProtocol)
		}
		if way := s.Prompt.Way; way != "" {
			ch <- prometheus.MustNewConstMetric(wayDesc, prometheus.GaugeValue, 1, s.Name, way)
		}
		for _, state := range publisher.States() {
			ch <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, oneIf(s.State == state), s.Name, string(state))
		}
	}
	for _, state := range publisher.States() {
		ch <- prometheus.MustNewConstMetric(camerasDesc, prometheus.GaugeValue, float64(count[state]), string(state))
	}
}

func (c *collector) collectPreviews(ch chan<- prometheus.Metric) {
	open, dropped := 0, uint64(0)
	if c.previews != nil {
		open, dropped = c.previews.Stats()
	}
	ch <- prometheus.MustNewConstMetric(previewsDesc, prometheus.GaugeValue, float64(open))
	ch <- prometheus.MustNewConstMetric(droppedDesc, prometheus.CounterValue, float64(dropped))
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
