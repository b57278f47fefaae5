#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The crowd of listeners that other tests believe sees what is wrong: parts
# that are missing, come twice, are misnamed, broken, or not the same at two
# edges; edges that refuse, fall silent or die; and nothing where all is well.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Crowd;
use Stentor::Kit;
use Stentor::TcpProxy;

need('cc');


# --- a real stream, of which everything is good

my ($node, $b) = on_air();
my $crowd = Stentor::Crowd->new([ $node->port_http() ], listeners => 50,
                                rate => 500);

ok($crowd->hears(), 'all listeners hear something');
$crowd->mark();
my $seen = $crowd->wait(sub ($s) { return $s->{parts} >= 500 });
ok($seen, 'and more and more');

is($seen->{wrong}, 0, 'nothing is wrong');
is($seen->{compared}, $seen->{parts}, 'bytes are compared');
is(errors($seen), '', 'there are no errors');
cmp_ok($seen->{age_ms}{min}, '>', 0, 'no part comes before its time');


# --- one of two ways to it falls silent, refuses, is reset

my $proxy = Stentor::TcpProxy->new(port => $node->port_http());
$crowd->end();
$crowd = Stentor::Crowd->new([ $node->port_http(), $proxy->port() ],
                             listeners => 20, rate => 500, timeout => 1);
$crowd->hears();
$crowd->mark();
$proxy->freeze();

$seen = $crowd->wait(sub ($s) { return $s->{edges}[1]{errors}{timeout} >= 10 });
ok($seen, 'a silent edge is given up');
is(errors($seen->{edges}[0]), '', 'the other one has no errors');
cmp_ok($seen->{silent}, '>=', 10, 'who listened there hears nothing');
cmp_ok($seen->{longest_silent_ms}, '>', 0, 'for how long is told');

$proxy->thaw();
$seen = $crowd->wait(sub ($s) { return !$s->{silent} });
ok($seen, 'and comes back');
cmp_ok($seen->{edges}[1]{stalls}, '>=', 10, 'stalls are counted');
is($seen->{edges}[0]{stalls}, 0, 'not at the other edge');
is($seen->{wrong}, 0, 'nothing was wrong');

$crowd->mark();
$proxy->reset();
$seen = $crowd->wait(sub ($s) { return $s->{edges}[1]{parts} >= 50 });
is($seen->{edges}[1]{errors}{lost}, 10, 'lost connections');
is($seen->{edges}[1]{stalls}, 0, 'come back before anybody hears it');

$proxy->refuse();
$proxy->reset();
$seen = $crowd->wait(sub ($s) { return $s->{edges}[1]{errors}{refused} > 9 });
ok($seen, 'refused connections');
is($crowd->end()->{edges}[0]{errors}{refused}, 0, 'not at the other edge');

$crowd = Stentor::Crowd->new([ $proxy->port(), $node->port_http() ],
                             listeners => 20, failover => 1);
ok($crowd->hears(), 'with failover all find the edge that answers');
is($crowd->end()->{edges}[1]{started}, 20, 'there');
$proxy->stop();


# --- made-up streams, of a plain nginx, to its end: their parts are real ones

my $p = playlist($node);
my @real = map { $_->{URI} } @{ $p->{segments}[-1]{parts} };
my ($init, @parts) = fetch_all($node, map { "/live/studio1/$_" }
                                      $p->{map}, @real);
my $msn = $p->{segments}[-1]{msn};

$b->stop();
$node->done('TERM');

my @plain = map { Stentor::Node->new(plain => 1, http_server =>
                      'add_header Cache-Control no-store;') } 1, 2;


# Serves parts by name: what => [[name, bytes, more lines before it], ..].

sub serve($plain, $stream, @list) {
    my $dir = $plain->dir() . "/html/live/$stream";
    my $text = join("\n", '#EXTM3U', '#EXT-X-VERSION:9',
        '#EXT-X-TARGETDURATION:2', '#EXT-X-PART-INF:PART-TARGET=0.3',
        '#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=60',
        "#EXT-X-MEDIA-SEQUENCE:$msn", '#EXT-X-MAP:URI="audio/init.mp4"');

    File::Path::make_path("$dir/audio");
    Stentor::Node::spew("$dir/audio/init.mp4", $init);

    for my $part (@list) {
        my ($name, $bytes, @lines) = @$part;

        $text .= "\n" . join("\n", @lines,
            "#EXT-X-PART:DURATION=0.2,URI=\"audio/$name.m4s\"");
        Stentor::Node::spew("$dir/audio/$name.m4s", $bytes)
            if defined $bytes;
    }

    Stentor::Node::spew("$dir/audio.m3u8", "$text\n#EXT-X-ENDLIST\n");
    Stentor::Node::spew("$dir/index.m3u8", "#EXTM3U\naudio.m3u8\n");
}


# What a listener of each plain edge meets with.

sub met($stream, @edges) {
    return Stentor::Crowd->new([ map { $_->port_http() } @edges ],
        listeners => scalar(@edges), stream => "live/$stream",
        seconds => 1)->end(1);
}


# The kinds of errors, as text.

sub errors($seen) {
    my $e = $seen->{errors};
    return join(' ', map { "$_=$e->{$_}" } grep { $e->{$_} } sort keys %$e);
}


my @good = map { [ "$msn.$_", $parts[$_] ] } 0 .. 3;

serve($plain[0], 'good', @good);
$seen = met('good', $plain[0]);
is(errors($seen), '', 'made up: good');
is($seen->{parts}, 4, 'made up: all of them');

serve($plain[0], 'missing', @good[0, 1], [ "$msn.2", $parts[3] ]);
is(errors(met('missing', $plain[0])), 'break=1', 'one is missing');

serve($plain[0], 'twice', @good[0, 1], [ "$msn.2", $parts[1] ]);
is(errors(met('twice', $plain[0])), 'back=1', 'one comes twice');

serve($plain[0], 'jump', @good[0, 1],
      [ "$msn.2", $parts[3], '#EXT-X-DISCONTINUITY' ]);
$seen = met('jump', $plain[0]);
is(errors($seen), '', 'a discontinuity may jump');
is($seen->{jump_ms}{n}, 1, 'and is told');

like(errors(met('none', $plain[0])), qr/^404=\d+$/, 'no such stream');

serve($plain[0], 'name', @good[0, 1], [ "$msn.3", $parts[2] ]);
like(errors(met('name', $plain[0])), qr/^name=\d+$/, 'one is misnamed');

serve($plain[0], 'broken', @good[0, 1],
      [ "$msn.2", substr($parts[2], 0, 200) ]);
like(errors(met('broken', $plain[0])), qr/^media=\d+$/, 'one is cut off');

serve($plain[0], 'gone', @good[0, 1], [ "$msn.2", undef ]);
like(errors(met('gone', $plain[0])), qr/^404=\d+$/, 'one is not there');

serve($_, 'same', @good) for @plain;
$seen = met('same', @plain);
is(errors($seen), '', 'two edges have the same bytes');
is($seen->{edges}[1]{after_ms}{n}, 4, 'how much later is told');

serve($plain[1], 'same', @good[0, 1],
      [ "$msn.2", $parts[2] =~ s/.\z/x/sr ]);
is(errors(met('same', @plain)), 'bytes=1', 'or not');

$_->done() for @plain;
done_testing();
