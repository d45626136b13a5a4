package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"text/tabwriter"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
)

// ingressCmd groups what is done with LiveKit's ingresses by hand.
type ingressCmd struct {
	List  ingressListCmd  `cmd:"" help:"List the ingresses of a site."`
	Prune ingressPruneCmd `cmd:"" help:"Delete the ingresses of a site that no camera of it uses any more."`
}

type ingressListCmd struct {
	Config string `short:"c" required:"" placeholder:"FILE" help:"The site's file."`
	All    bool   `help:"List those of other sites, and of other makers, too."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Help adds to the command's help.
func (*ingressListCmd) Help() string {
	return "A camera's ingress is kept; a double, or an orphan whose camera this file has not (or sends another way), " +
		"is what `ingress prune` deletes. Unnamed are those that were made for a site without livekit.site: this one, or another."
}

// Run asks LiveKit and prints what it has.
func (c *ingressListCmd) Run(ctx context.Context, a *app) error {
	stock, err := takeStock(ctx, a, c.Config)
	if err != nil {
		return err
	}
	defer stock.client.CloseIdleConnections()
	rows := stock.rows(c.All)
	if c.JSON {
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	return printRows(a.stdout, rows)
}

type ingressPruneCmd struct {
	Config  string `short:"c" required:"" placeholder:"FILE" help:"The site's file."`
	DryRun  bool   `help:"Say what would be deleted, and delete nothing."`
	Live    bool   `help:"Delete those through which somebody publishes right now, too."`
	Unnamed bool   `help:"Delete those of rtsp2whip that carry no site's name, too, unless a camera of this file uses them. Only where no other site without a name uses this LiveKit."`
}

// Help adds to the command's help.
func (*ingressPruneCmd) Help() string {
	return "It asks nothing and prints what it deletes. Ingresses of other sites and of other makers are never touched. " +
		"It exits with 0 if all of them are gone, also if there was none."
}

// Run deletes what no camera owns.
func (c *ingressPruneCmd) Run(ctx context.Context, a *app) error {
	stock, err := takeStock(ctx, a, c.Config)
	if err != nil {
		return err
	}
	defer stock.client.CloseIdleConnections()
	if stock.site == "" && !c.Unnamed {
		return namelessError{c.Config}
	}
	deleted, spared, failed := 0, 0, 0
	for _, i := range stock.items {
		switch {
		case i.Owner != ingress.Orphan && i.Owner != ingress.Double && (i.Owner != ingress.Unnamed || !c.Unnamed):
			continue
		case i.State.Live() && !c.Live:
			spared++
			fmt.Fprintf(a.stdout, "kept %s: somebody publishes through it (--live deletes it)\n", shown(i))
			continue
		case c.DryRun:
			deleted++
			fmt.Fprintf(a.stdout, "would delete %s\n", shown(i))
			continue
		}
		if err := stock.client.Delete(ctx, i.ID); err != nil {
			failed++
			fmt.Fprintf(a.stderr, "rtsp2whip: %s: %v\n", shown(i), err)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		deleted++
		fmt.Fprintf(a.stdout, "deleted %s\n", shown(i))
	}
	switch {
	case failed > 0:
		return fmt.Errorf("not deleted: %d", failed)
	case deleted+spared == 0:
		fmt.Fprintln(a.stdout, "nothing to delete")
	}
	return nil
}

func shown(i ingress.Item) string {
	return fmt.Sprintf("%s (%s, room %s, %s)", i.ID, i.Name, i.Room, i.Owner)
}

// namelessError: without a name nothing tells a site's ingresses from another's.
type namelessError struct{ file string }

func (e namelessError) Error() string {
	return e.file + ": livekit.site is not set, so nothing tells this site's ingresses from another's"
}

// Hint says what a person can do.
func (namelessError) Hint() string {
	return "give the site a name (its cameras take over the ingresses that they have), or --unnamed if no other site without a name uses this LiveKit"
}

// stock is what LiveKit has, as one site sees it.
type stock struct {
	client *ingress.Client
	site   string
	specs  []ingress.Spec
	items  []ingress.Item
}

func takeStock(ctx context.Context, a *app, file string) (*stock, error) {
	cfg, err := site.Load(file, a.env)
	if err != nil {
		return nil, err
	}
	if cfg.LiveKit.URL == "" || cfg.LiveKit.APIKey.Empty() || cfg.LiveKit.APISecret.Empty() {
		return nil, errors.New(file + ": holds no LiveKit server with API key and secret, so there is nobody to ask")
	}
	client, err := site.LiveKitClient(cfg.LiveKit, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	s := &stock{client: client, site: cfg.LiveKit.Site, specs: site.IngressSpecs(cfg)}
	if s.items, err = client.Inventory(ctx, s.site, s.specs); err != nil {
		client.CloseIdleConnections()
		return nil, err
	}
	return s, nil
}

// ingressRow is one line of the list.
type ingressRow struct {
	ID       string `json:"id"` // "" for one that is not made yet
	Site     string `json:"site"`
	Camera   string `json:"camera"`
	Room     string `json:"room"`
	Identity string `json:"identity"`
	State    string `json:"state"`
	Owner    string `json:"owner"`
	Name     string `json:"name"`
	Problem  string `json:"problem,omitempty"` // LiveKit's words
}

// missing is the owner's column of a camera that has no ingress yet.
const missing = "missing"

func (s *stock) rows(all bool) []ingressRow {
	rows := []ingressRow{}
	have := map[string]bool{}
	for _, i := range s.items {
		if i.Owner == ingress.Kept || i.Owner == ingress.Adopted {
			have[i.Camera] = true
		}
		if !all && (i.Owner == ingress.OtherSite || i.Owner == ingress.Foreign) {
			continue
		}
		rows = append(rows, ingressRow{
			ID: i.ID, Site: i.Site, Camera: i.Camera, Room: i.Room, Identity: i.Identity,
			State: string(i.State), Owner: string(i.Owner), Name: i.Name, Problem: i.Problem,
		})
	}
	for _, spec := range s.specs {
		if _, camera, _ := ingress.ParseMarker(spec.Name); !have[camera] {
			rows = append(rows, ingressRow{
				Site: s.site, Camera: camera, Room: spec.Room, Identity: spec.Identity, Owner: missing, Name: spec.Name,
			})
		}
	}
	slices.SortStableFunc(rows, func(a, b ingressRow) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Camera, b.Camera), cmp.Compare(a.Room, b.Room), cmp.Compare(a.ID, b.ID))
	})
	return rows
}

func printRows(w io.Writer, rows []ingressRow) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "no ingresses")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "INGRESS\tSITE\tCAMERA\tROOM\tIDENTITY\tSTATE\tOWNER")
	for _, r := range rows {
		dash := func(s string) string { return cmp.Or(s, "-") }
		camera := cmp.Or(r.Camera, r.Name)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			dash(r.ID), dash(r.Site), dash(camera), dash(r.Room), dash(r.Identity), dash(r.State), r.Owner)
	}
	return table.Flush()
}
