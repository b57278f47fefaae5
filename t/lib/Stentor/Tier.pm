# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Nodes that get streams from one another without a Redis: an origin, and what
# is told to ask it.

package Stentor::Tier;

use v5.36;

use Exporter qw(import);

use Digest::SHA qw(sha256_hex);

use Stentor::Kit;

our @EXPORT = qw(origin pulls_from relay_url from differs);

my $RELAY = 'location /relay/ { stentor_relay; }';


# An origin.  As of Stentor::Node, and id => its name; cluster => what else
# its block says; server => what else the HTTP server does.

sub origin(%o) {
    return node('origin-1', 'origin', [], %o);
}


# An edge, or another role, that asks these nodes or URLs, the first one first.

sub pulls_from($upstreams, %o) {
    return node('edge-1', $o{role} // 'edge', $upstreams, %o);
}


sub node($id, $role, $upstreams, %o) {
    my @urls = map { ref($_) ? relay_url($_) : $_ } @$upstreams;
    my $ask = join(' ', map { "origin $_;" } @urls);
    my $relay = $role eq 'shield' ? 'relay http://127.0.0.1/relay/;' : '';

    return Stentor::Node->new(
        %o,
        stentor => 'cluster { node ' . ($o{id} // $id) . "; role $role;"
                   . " $relay $ask @{[ $o{cluster} // '' ]} }",
        http_server => "$RELAY @{[ $o{server} // '' ]}",
    );
}


sub relay_url($node) { return $node->url('/relay/') }


# How a stream comes to a node, by its status; undef: not from another node.

sub from($node, $name = 'live/studio1') {
    my $st = $node->stream($name) // return undef;
    return $st->{relay};
}


# What one node lists of a stream and another one has other bytes of, or none.

sub differs($node, $other, $name = 'studio1', $rendition = 'audio') {
    my $p = Stentor::Playlist::parse(
        $node->get("/live/$name/$rendition.m3u8")->{text});
    my @uris = ((map { $_->{map} // () } @{ $p->{segments} }),
                (map { $_->{uri} } @{ $p->{segments} }),
                (map { $_->[2]{URI} } $p->all_parts()));
    my ($mine, $others) = ($node->http(), $other->http());
    my @bad;

    for my $uri (@uris) {
        my ($a, $b) = map {
            $_->request('GET', "/live/$name/$uri");
            my $r = $_->response();
            $r ? "$r->{status} " . sha256_hex($r->{body}) : 'none';
        } $mine, $others;

        push(@bad, "$uri: $a, $b") if $a ne $b || $a !~ /^200 /;
    }

    push(@bad, 'nothing is listed') if @uris < 10;

    return @bad;
}


1;
