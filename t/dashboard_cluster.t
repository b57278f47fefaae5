#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The dashboard of a node among others: all nodes with their listeners and
# verdicts, the way that a stream comes, the streams that are elsewhere, and
# Redis when it is gone.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Cluster;
use Stentor::Crowd;
use Stentor::Kit;
use Stentor::Page;

need(qw(ffmpeg redis-server cc));
need_page();

my $top = $Stentor::Node::TOP;

my $html = Stentor::Node::free_port();
my $c = Stentor::Cluster->new(origins => 1, shields => 1, edges => 1,
    part_duration => '200ms', workers => 1);
my $edge = $c->edge(1);

# a site of its own that has the statuses of all nodes, as docs/dashboard.md
# says
my $files = Stentor::Node->new(plain => 1, http_port => $html,
    http => 'include /etc/nginx/mime.types;',
    http_server => "root $top/build/html; location = /dashboard {"
        . " try_files /dashboard.html =404;"
        . " sub_filter 'data-nodes=\"\"'"
        . " 'data-nodes=\"nodes/{node}/status\"'; }"
        . " location = /status { proxy_pass " . $edge->url('/status') . "; }"
        . join('', map { " location = /nodes/$_->{id}/status { proxy_pass "
                         . $_->url('/status') . '; }' } $c->nodes()));

my $b = broadcaster($c->origin(1));
broadcaster($c->origin(1), name => 'other');

my $crowd = Stentor::Crowd->new([ $edge->port_http() ], listeners => 12);
ok($crowd->hears(), 'a crowd listens at the edge');

my $page = Stentor::Page->new($files->url('/dashboard'));
$page->ask('size', 1280, 900);
$page->becomes('window.stentor.listeners === 12', 'all are counted');
$page->becomes('document.querySelectorAll("#nodes tr").length === 3',
               'there are three nodes');

my $id = $edge->{id};
like($page->text('#nodes [data-here]'), qr/^\Q$id\E \(this one\)edge/,
     'one of them is this');
like($page->text('.stream dl'), qr/Way\S+ \x{2192} \S+ \x{2192} \Q$id\E/,
     'a stream comes by way of the others');
$page->becomes('[...document.querySelectorAll("#nodes tr")].every((tr) =>'
               . ' /^(healthy|crowded)$/.test(tr.lastChild.textContent))',
               'each node has a verdict');
like($page->text('#elsewhere'), qr{live/other, at origin-1: 0 listeners live},
     'streams of other nodes');
$page->becomes('document.querySelector("#listening").textContent'
               . ' === "listening here, 12 on all nodes"',
               'listeners of all nodes', 30);

$page->ask('shot', "$ENV{STENTOR_SHOTS}/cluster.png", 1) if $ENV{STENTOR_SHOTS};

$c->redis()->kill_it();
$page->becomes('document.querySelector("#redis").textContent'
               . '.startsWith("Redis is down")', 'Redis is gone', 30);
is($page->value('document.querySelectorAll("#nodes tr").length > 0'), 1,
   'what it said last is shown as that');
is_deeply($page->ask('errors'), [], 'nothing is wrong in the page');

is($page->end(), 0, 'the browser ends');
$crowd->end();
$files->done();
$c->done();
done_testing();
