#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Content steering: pathways in multivariant playlists and steering manifests,
# with a static list and in a cluster; who is sent away from a node that is
# full, and where; what is no good for an answer.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();

use Stentor::Kit;
use Stentor::Cluster;
use Stentor::Crowd;

need('redis-server', 'cc');

my $URL = '/live/studio1';

# listeners from many addresses
my $ADDRESSES = 'set_real_ip_from 127.0.0.1; real_ip_header X-Listener;';


sub manifest($node, $query = '', %headers) {
    my $r = $node->get("$URL/steering.json$query", %headers);
    is($r->{status}, 200, "manifest $query") if $r->{status} != 200;
    return JSON::PP::decode_json($r->{body});
}


# The pathways of a multivariant playlist: ids and URIs, in order.

sub pathways($text) {
    return $text =~ /^#EXT-X-STREAM-INF.*PATHWAY-ID="([^"]+)"\n(.*)\n/mg;
}


# --- alone, and off

my $node = Stentor::Node->new(application => 'stream studio1;');

unlike($node->get("$URL/index.m3u8")->{text}, qr/PATHWAY|STEERING|STABLE/,
       'a node that is alone has no pathways');
is($node->get("$URL/steering.json")->{status}, 404, 'and no manifest');
$node->done('TERM');

$node = Stentor::Node->new(application => 'stream studio1;',
    stentor => 'steering off; pathway a self; pathway b http://b/live;');

unlike($node->get("$URL/index.m3u8")->{text}, qr/PATHWAY/,
       'steering may be off');
is($node->get("$URL/steering.json")->{status}, 410,
   'and who asks is told not to ask again');
$node->done('TERM');


# --- a static list

$node = Stentor::Node->new(stentor => <<'END',
    steering_ttl 2s;
    pathway edge-1 self region=eu capacity=8;
    pathway edge-2 https://edge-2.example.com/live/ region=eu capacity=300;
    pathway edge-3 https://edge-3.example.com region=eu capacity=100;
    pathway edge-4 http://edge-4.example.com/live region=us capacity=1000;
    pathway other https://edge-5.example.com/other/;
    pathway edge-6 http://edge-6.example.com/live region=us capacity=1000;
    application other { stream studio2; }
END
    application => 'stream studio1;',
    http_server => "$ADDRESSES location /other/ { stentor_hls; }",
);

my $r = $node->get("$URL/index.m3u8");
my @p = pathways($r->{text});

conforms('a playlist with pathways conforms',
         Stentor::Conformance::check_multivariant($r->{text}));
is_deeply([ @p[0, 1] ], ['edge-1', 'audio.m3u8'], 'this node comes first');
is(scalar(@p), 8, 'four nodes at most');

my %uri = @p;
is($uri{'edge-2'}, 'https://edge-2.example.com/live/studio1/audio.m3u8',
   'a URL with the application');
is($uri{'edge-3'}, 'https://edge-3.example.com/live/studio1/audio.m3u8',
   'a URL without');
ok(!exists $uri{other}, 'none with another application');
like($r->{text}, qr/SERVER-URI="steering\.json",PATHWAY-ID="edge-1"/,
     'the manifest lies beside it');

# over many versions every one of those that have room comes second
my %second;
$node->wait_until(sub {
    my @p = pathways($node->get("$URL/index.m3u8")->{text});
    $second{ $p[2] }++;
    return keys(%second) > 1;
});
is_deeply([ sort keys %second ], [qw(edge-2 edge-3)],
          'those of the same region come second, each in its turn');

$r = $node->get("$URL/index-std.m3u8");
like($r->{text}, qr/SERVER-URI="steering-std\.json"/, 'classic: its manifest');
like($r->{text}, qr{^https://edge-2\S+/audio-std\.m3u8$}m, 'and its URIs');

%uri = pathways($node->get('/other/studio2/index.m3u8')->{text});
is_deeply([ sort keys %uri ], [qw(edge-1 edge-3 other)],
          'another application: who has it');


# --- its manifest

my $m = manifest($node);

is($m->{VERSION}, 1, 'version');
is($m->{TTL}, 2, 'TTL');
is($m->{'PATHWAY-PRIORITY'}[0], 'edge-1', 'who is here stays');
is(scalar(@{ $m->{'PATHWAY-PRIORITY'} }), 4, 'and has three others');
ok(!exists $m->{'RELOAD-URI'}, 'and goes on asking here');

my ($clone) = grep { $_->{ID} eq 'edge-2' } @{ $m->{'PATHWAY-CLONES'} };
is_deeply($clone, { 'BASE-ID' => 'edge-1', ID => 'edge-2',
    'URI-REPLACEMENT' => { 'PER-VARIANT-URIS' => {
        audio => 'https://edge-2.example.com/live/studio1/audio.m3u8' } } },
    'who does not know another one can make it');

$m = manifest($node, '?_HLS_pathway=%22edge-2%22&_HLS_throughput=5140000');
is($m->{'PATHWAY-PRIORITY'}[0], 'edge-2', 'who has gone elsewhere stays there');
is($m->{'RELOAD-URI'},
   'https://edge-2.example.com/live/studio1/steering.json', 'and asks there');
is_deeply([ map { $_->{'BASE-ID'} } @{ $m->{'PATHWAY-CLONES'} } ],
          [ ('edge-2') x @{ $m->{'PATHWAY-CLONES'} } ],
          'clones are of what he has');
is(manifest($node, '?_HLS_pathway=edge-2')->{'PATHWAY-PRIORITY'}[0], 'edge-2',
   'quoted or not');

$r = $node->get("$URL/steering-std.json?_HLS_pathway=edge-2");
like($r->{body}, qr{/studio1/audio-std\.m3u8"}, 'classic: its URIs');
like($r->{body}, qr{"RELOAD-URI":"[^"]+/steering-std\.json"}, 'and manifest');

is($r->{headers}{'content-type'}, 'application/vnd.apple.steering-list',
   'its type');
is($r->{headers}{'cache-control'}, 'no-store', 'no cache keeps it');
is($r->{headers}{'access-control-allow-origin'}, '*', 'any page may read it');

my $c = $node->http();
$c->request('HEAD', "$URL/steering-std.json?_HLS_pathway=edge-2");
my $head = $c->response();
is_deeply([ @$head{qw(status body)}, $head->{headers}{'content-length'} ],
          [ 200, '', length($r->{body}) ], 'HEAD');

$c->request('POST', "$URL/steering.json", 'Content-Length' => 0);
is($c->response()->{status}, 405, 'POST');


# --- what is no good

for my $bad ('?', '?_HLS_pathway', '?_HLS_pathway=', '?_HLS_pathway=%22',
             '?_HLS_pathway=%22%22', '?_HLS_pathway=nobody',
             '?_HLS_pathway=%00', '?_HLS_pathway=%', '?_HLS_pathway=edge',
             '?_HLS_pathway=' . 'x' x 4000, '?_HLS_pathway="><\\',
             '?moved=', '?moved=-1', '?moved=99999999999999999999',
             '?moved=x&_HLS_throughput=none')
{
    my $m = manifest($node, $bad);
    my $clones = grep { $_->{'BASE-ID'} ne 'edge-1' }
                 @{ $m->{'PATHWAY-CLONES'} // [] };
    is("$m->{'PATHWAY-PRIORITY'}[0] $clones", 'edge-1 0',
       'stays with ' . substr($bad, 0, 30));
}

is($node->get("$URL/$_")->{status}, 404, $_)
    for qw(steering steering.jso steering-.json xsteering.json x.json
           audio/steering.json);
is($node->get('/live/nobody/steering.json')->{status}, 404,
   'no such stream');


# --- over its high mark

my $before = $node->status()->{hls};
my @addresses = map { "198.51.100.$_" } 1 .. 250;

is(scalar(grep { manifest($node, '', 'X-Listener' => $_)
                     ->{'PATHWAY-PRIORITY'}[0] ne 'edge-1' } @addresses),
   0, 'nobody is sent away from a node with room');

my $after = $node->status()->{hls};

is($after->{steerings}, $before->{steerings} + 250, 'each answer is counted');

# two orders of those of this region, two of the others, by two workers
cmp_ok($after->{renders}, '<=', $before->{renders} + 8,
       'manifests are written for each order of nodes, and kept');

my $crowd = Stentor::Crowd->new([$node->port_http()], listeners => 24,
                                hold_back => 3);

ok($crowd->hears(), 'more listeners than there is room for');
ok($node->wait_until(sub {
    manifest($node, '', 'X-Listener' => $addresses[rand(250)]);
    return $node->log() =~ /steering: \d+ of \d+ listeners are sent/;
}), 'a round begins') or $node->tell_log();

my ($some, $all) = $node->log() =~ /steering: (\d+) of (\d+) listeners/;
my (%to, $swings, $workers, $nat);

# a half of them have one address, and all the same player
my @clients = map { { http => $node->http(),
                      address => $addresses[$_ < 125 ? 0 : $_] } } 0 .. 249;

sub asks($client, $query = '') {
    $client->{http}->request('GET', "$URL/steering.json$query",
                             'X-Listener' => $client->{address});
    return $client->{http}->response();
}

my $steered = $node->status()->{hls}{steered};

for my $try (1, 2) {
    for my $client (@clients) {
        my $r = asks($client);
        my $m = JSON::PP::decode_json($r->{body});
        my $id = $m->{'PATHWAY-PRIORITY'}[0];

        $workers->{ $r->{headers}{'x-worker'} }++;
        $to{$id}++ if $try == 1;
        $swings++ if ($client->{first} //= $id) ne $id;

        next if $id eq 'edge-1' || $try == 2;
        $nat++ if $client->{address} eq $addresses[0];
        $r->{body} =~ m{"RELOAD-URI":"https://\Q$id\E\.example\.com/live
                        /studio1/steering\.json\?moved=\d{10}"}x
            or fail("asks $id from now on: $r->{body}");
    }
}

my $gone = 250 - ($to{'edge-1'} // 0);

is($swings // 0, 0, 'each is told the same again');
is($node->status()->{hls}{steered}, $steered + 2 * $gone, 'and counted');
is(scalar(keys %$workers), 2, 'both workers are asked');
cmp_ok(abs($gone / 250 - $some / $all), '<', 0.12,
       "as many are sent away as have to: $gone of 250, $some of $all");
cmp_ok(abs(($nat // 0) / 125 - $some / $all), '<', 0.15,
       'and as many of those behind one address: ' . ($nat // 0) . ' of 125');
is(($to{'edge-4'} // 0) + ($to{'edge-6'} // 0), 0,
   'none to another region while there is room in this one');
cmp_ok(abs(($to{'edge-3'} // 0) / $gone - 0.25), '<', 0.12,
       "by room: $to{'edge-3'} of $gone to one with a quarter of it");

my ($one) = grep { $_->{first} ne 'edge-1' } @clients;

sub first_of($r) {
    return JSON::PP::decode_json($r->{body})->{'PATHWAY-PRIORITY'}[0];
}

is(first_of(asks($one, '?moved=' . time())), 'edge-1',
   'who was moved here stays');
is(first_of(asks($one, '?_HLS_pathway=edge-3')), 'edge-3',
   'so does who is elsewhere');

$crowd->end();
$node->done('TERM');


# --- a cluster

$c = Stentor::Cluster->new(origins => 1, edges => 3, part_duration => '200ms',
    node => { edge => { stentor => 'steering_ttl 1s;' },
              'edge-3' => { region => 'us' } });
my $b = broadcaster($c->origin());
my $edge = $c->edge(1);

sub others($node) {
    my @p = pathways($node->get("$URL/index.m3u8")->{text});
    return join(' ', @p[ grep { $_ % 2 == 0 } 0 .. $#p ]);
}

ok($edge->wait_until(sub { others($edge) eq 'edge-1 edge-2 edge-3' }),
   'all edges, of this region first') or diag(others($edge));
is(others($c->edge(3)) =~ s/ .*//r, 'edge-3', 'each has itself first');
%uri = pathways($edge->get("$URL/index.m3u8")->{text});
is($uri{'edge-2'}, $c->edge(2)->url("$URL/audio.m3u8"), 'by its URL');
is($edge->get("$URL/audio.m3u8")->{text} =~ /PATHWAY/ ? 1 : 0, 0,
   'media playlists know nothing of it');

$c->edge(2)->kill_it();
ok($edge->wait_until(sub { others($edge) eq 'edge-1 edge-3' }),
   'one that is dead is not offered') or diag(others($edge));
is_deeply(manifest($edge)->{'PATHWAY-PRIORITY'}, [qw(edge-1 edge-3)],
          'nor in the manifest');

$c->edge(2)->start();
ok($edge->wait_until(sub { others($edge) eq 'edge-1 edge-2 edge-3' }),
   'and is again when it is back') or diag(others($edge));

$b->stop();
$c->done();


# --- configurations

for my $case (
    ['pathway a self; pathway b http://b/;', undef],
    ['pathway a self;', undef],
    ['steering off;', undef],
    ['steering maybe;', 'it must be "on" or "off"'],
    ['steering_ttl 500ms;', '"steering_ttl" must be between 1s and 1h'],
    ['steering_ttl 2h;', '"steering_ttl" must be between 1s and 1h'],
    ['pathway b http://b/;', 'one "pathway" has to be "self"'],
    ['pathway a self; pathway b self;', 'one "pathway" has to be "self"'],
    ['pathway a self; pathway a http://b/;', 'duplicate pathway "a"'],
    ['pathway a/b self;', 'invalid pathway id "a/b"'],
    ['pathway a self; pathway b ftp://b/;', 'has no valid http:// or'],
    ['pathway a self; pathway b http://b/?x;', 'has a URL with a query'],
    ['pathway a self capacity=x;', 'invalid parameter "capacity=x"'],
    ['pathway a self capacity=4294967296;', 'invalid parameter'],
    ['pathway a self region=;', 'invalid parameter "region="'],
    ['pathway a self room=1;', 'invalid parameter "room=1"'],
    ['pathway a;', 'invalid number of arguments'],
    ['cluster { node a; } pathway b http://b/;', undef],
    ['cluster { node a; } pathway b self;', 'no "pathway" may be "self"'],
) {
    my ($rc, $said) = Stentor::Node->check(stentor => $case->[0]);
    is($rc, $case->[1] ? 1 : 0, $case->[0]) or diag($said);
    like($said, qr/\Q$case->[1]\E/, 'says why') if $case->[1];
}

done_testing();
