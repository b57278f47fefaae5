#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A node that is over its hard limit sends those who join to others that have
# room, and refuses them when there are none; a real browser that is sent away
# plays from there at once.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Cluster;
use Stentor::Crowd;
use Stentor::Steered;

need(qw(redis-server cc));

my $top = $Stentor::Node::TOP;
my $URL = '/live/studio1';

my $c = Stentor::Cluster->new(
    origins => 1, edges => 3, part_duration => '500ms', window => '30s',
    node => { 'edge-1' => { stentor => 'max_listeners hard=8;',
                  http => "include /etc/nginx/mime.types;",
                  http_server => "location / { root $top/build/html; }" },
              'edge-2' => { capacity => 1000 },
              'edge-3' => { capacity => 2, region => 'us' } },
);
my $b = broadcaster($c->origin());
my ($one, $two) = ($c->edge(1), $c->edge(2));

# Somebody who was never here asks.

my $joiners = 0;

sub joins($file) {
    return $one->get("$URL/$file", 'User-Agent' => 'joiner-' . $joiners++);
}


my $r = joins('index.m3u8');
like($r->{text}, qr/PATHWAY-ID="edge-1"\naudio\.m3u8/, 'there is room here');

my $crowd = Stentor::Crowd->new([$one->port_http()], listeners => 8,
                                hold_back => 3);
ok($crowd->hears(), 'as many as there may be');

ok($one->wait_until(sub {
    $r = joins('index.m3u8');
    return $r->{text} !~ /edge-1/;
}), 'then who joins is sent away') or diag($r->{text});

is($r->{status}, 200, 'with a playlist');
conforms('which conforms',
         grep { !/not relative/ }
         Stentor::Conformance::check_multivariant($r->{text}));

my ($manifest, $audio) = map { $two->url("$URL/$_") }
                         qw(steering.json audio.m3u8);
like($r->{text}, qr/SERVER-URI="\Q$manifest\E",PATHWAY-ID="edge-2"/,
     'the manifest is that node\'s');
like($r->{text}, qr/^\Q$audio\E$/m, 'and so are the variants');
is($r->{headers}{'cache-control'}, 'no-store', 'no cache keeps it');
is($r->{headers}{'access-control-allow-origin'}, '*', 'any page may read it');

$r = joins('index-std.m3u8');
like($r->{text}, qr/steering-std\.json.*^http\S+audio-std\.m3u8$/ms,
     'classic: likewise');

is(joins('audio.m3u8')->{status}, 503,
   'a media playlist is no place to say so');
cmp_ok($one->status()->{hls}{steered}, '>', 1, 'it is counted');


# --- a browser

SKIP: {
    skip('needs node, chromium and scripts/build-html --dev', 4)
        if !has_page();

    my $page = Stentor::Steered->new($one->url('/?stream=live/studio1'));
    my $port = $two->port_http();

    $page->hears(qr/^# \d+ from 127\.0\.0\.1:$port$/m, 30,
                 'a browser plays from the other node');
    $page->hears(qr/^# \d+ live$/m, 30, 'it is heard');
    $page->seen();
    unlike($page->said(), qr/from 127\.0\.0\.1:(?!$port)/,
           'and from no other');
}


# --- nowhere to go

$two->kill_it();
ok($one->wait_until(sub {
    $r = joins('index.m3u8');
    return $r->{text} !~ /edge-2/;
}), 'a node that is dead is not offered');
like($r->{text} // '', qr/edge-3/, 'one in another region is');

my $far = Stentor::Crowd->new([$c->edge(3)->port_http()], listeners => 2,
                              hold_back => 3);
ok($far->hears(), 'which is full');
ok($one->wait_until(sub {
    $r = joins('index.m3u8');
    return $r->{status} == 503;
}), 'then who joins is refused') or diag($r->{text});

$_->end() for $crowd, $far;
$two->start();
$b->stop();
$c->done('TERM');
done_testing();
