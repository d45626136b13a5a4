package ingress

import (
	"context"
	"slices"

	"github.com/livekit/protocol/livekit"
)

// Owner says to whom an ingress belongs, as one site sees it.
type Owner string

// The owners.
const (
	// Kept is the ingress of one of the site's cameras.
	Kept Owner = "kept"
	// Adopted is one that Ensure will make a camera's: in the room that the camera
	// has left, or made before the site had a name.
	Adopted Owner = "adopted"
	// Double is one of a camera that has a better one.
	Double Owner = "double"
	// Orphan carries the site's name and the name of a camera that it has not, or
	// that goes another way by now.
	Orphan Owner = "orphan"
	// Unnamed was made by rtsp2whip for a site without a name, this one or another.
	Unnamed Owner = "unnamed"
	// OtherSite carries another site's name.
	OtherSite Owner = "other site"
	// Foreign was not made by rtsp2whip.
	Foreign Owner = "foreign"
)

// Item is an ingress and its owner.
type Item struct {
	Info
	Owner  Owner
	Site   string // from the marker; "" if it names none
	Camera string // from the marker; "" if it has none
}

// Inventory lists every ingress of the server with its owner as the named site
// sees it; name may be empty. specs are those of all the site's cameras that use
// an ingress, switched off ones included.
func (c *Client) Inventory(ctx context.Context, site string, specs []Spec) ([]Item, error) {
	all, err := c.list(ctx, "")
	if err != nil {
		return nil, err
	}
	return sortOut(site, specs, all), nil
}

func sortOut(site string, specs []Spec, all []*livekit.IngressInfo) []Item {
	owners := map[*livekit.IngressInfo]Owner{}
	for _, spec := range specs {
		ownersFor(spec, all, owners)
	}
	items := make([]Item, 0, len(all))
	for _, i := range all {
		item := Item{Info: infoOf(i), Owner: owners[i]}
		var marked bool
		item.Site, item.Camera, marked = ParseMarker(i.GetName())
		switch {
		case item.Owner != "":
		case !marked || !item.WHIP:
			item.Owner = Foreign
		case item.Site == "":
			item.Owner = Unnamed
		case item.Site == site:
			item.Owner = Orphan
		default:
			item.Owner = OtherSite
		}
		items = append(items, item)
	}
	return items
}

// ownersFor finds what is, or was, one camera's, by the rules of Ensure.
func ownersFor(spec Spec, all []*livekit.IngressInfo, owners map[*livekit.IngressInfo]Owner) {
	site, camera, _ := ParseMarker(spec.Name)
	var here, elsewhere, before []*livekit.IngressInfo
	for _, i := range all {
		inRoom := i.GetRoomName() == spec.Room
		switch {
		case carries(i, spec.Name) && inRoom:
			here = append(here, i)
		case carries(i, spec.Name) && site != "":
			elsewhere = append(elsewhere, i)
		case site != "" && inRoom && carries(i, Marker("", camera)) && i.GetParticipantIdentity() == spec.Identity:
			before = append(before, i)
		}
	}
	first, as := here, Kept
	if len(first) == 0 {
		first, as = before, Adopted
	}
	if len(first) == 0 {
		first = elsewhere
	}
	for _, i := range slices.Concat(here, elsewhere) {
		owners[i] = Double
	}
	if len(first) > 0 {
		owners[slices.MinFunc(first, better)] = as
	}
}
