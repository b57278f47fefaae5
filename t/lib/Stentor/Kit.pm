# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What nearly every test wants: the common modules, a node with a broadcaster
# on the air, a stream's playlists, and comparisons that explain themselves.

package Stentor::Kit;

use v5.36;

use Exporter qw(import);
use POSIX ();
use Test::More ();

use Stentor::Broadcaster;
use Stentor::Conformance;
use Stentor::HTTP;
use Stentor::Listener;
use Stentor::Media;
use Stentor::Node;
use Stentor::Playlist;
use Stentor::RTMP;

our @EXPORT = qw(need need_page has_page on_air broadcaster listener playlist
                 capture conforms find_run find_best fetch_all heard
                 replay_child);

sub need(@programs) { return Stentor::Node::need(@programs) }


# The same for the pages that nginx serves, and a real browser to open them in.

sub need_page() {
    need(qw(node chromium));

    my $path = missing_page() // return;
    die "no $path, and CI is set\n" if $ENV{CI};
    Test::More::plan(skip_all => "needs $path: scripts/build-html --dev");
}


# Whether they are there, for a part of a test.

sub has_page() {
    my @missing = grep { !Stentor::Node::which($_) } qw(node chromium);
    return Stentor::Node::has(!@missing && !defined missing_page(),
                              'a browser and scripts/build-html --dev');
}


sub missing_page() {
    my ($path) = grep { !-e } map { "$Stentor::Node::TOP/$_" }
        'build/html/dashboard.html', 'build/html/vendor/hls.min.js',
        'node_modules/playwright-core/package.json';
    return $path;
}


# A broadcaster on a node, on the air: (the status says live).

sub broadcaster($node, %o) {
    my $name = $o{name} // 'studio1';
    my $b = Stentor::Broadcaster->start(port => $node->port_rtmp(), %o);

    $node->wait_stream("live/" . $name =~ s/\?.*//r, sub ($st) {
        return $st && $st->{state} eq 'live'
               && ($st->{session}{audio_frames} // 0) > 0;
    }, $Stentor::Node::PATIENCE, "$name on the air");

    return $b;
}


# on_air(%node): (node, broadcaster) with live/studio1 on the air.

sub on_air(%o) {
    my %b = %{ delete $o{broadcaster} // {} };
    my $node = Stentor::Node->new(%o);

    return ($node, broadcaster($node, %b));
}


sub listener($node, %o) {
    return Stentor::Listener->new(port => $node->port_http(), %o);
}


# The parsed media playlist of a stream.

sub playlist($node, $name = 'studio1', $query = '') {
    my $r = $node->get("/live/$name/audio.m3u8$query");
    die "playlist of $name: $r->{status}\n" if $r->{status} != 200;
    return Stentor::Playlist::parse($r->{text});
}


# A recorded client session, its key renamed (names of equal length).

sub capture($encoder, $name = undef) {
    my $bytes = Stentor::Node::slurp(
        "$Stentor::Node::TOP/t/data/rtmp/$encoder-rtmp-client.bin")
        // die "no capture of $encoder\n";

    if (defined $name) {
        my $old = $encoder eq 'gst' ? 'gst1' : 'studio1';
        die "$name and $old differ in length\n"
            if length($name) != length($old);
        $bytes =~ s/\Q$old\E(?=\?)/$name/g;
    }

    return $bytes;
}


# One test: no violations; says the first ones.

sub conforms($what, @violations) {
    return Test::More::is(scalar(@violations), 0, $what)
        || Test::More::diag(join("\n", map { substr($_, 0, 300) }
               @violations[0 .. (@violations > 12 ? 11 : $#violations)]));
}


# Where a run of byte strings lies whole and in order in another, or undef.

sub find_run($hay, $needles) {
    my ($most, $at) = best_run($hay, $needles);
    return $most == @$needles ? $at : undef;
}


# How far the best try came, in words.

sub find_best($hay, $needles) {
    my ($most, $at) = best_run($hay, $needles);
    return "best run: $most of " . scalar(@$needles) . ' frames at '
           . ($at // 'no place') . ' of ' . scalar(@$hay) . ' served';
}


sub best_run($hay, $needles) {
    my ($most, $best) = (0, undef);

    for my $at (grep { $hay->[$_] eq $needles->[0] } 0 .. $#$hay) {
        my $n = 0;
        $n++ while $n < @$needles && $at + $n < @$hay
                   && $hay->[$at + $n] eq $needles->[$n];
        ($most, $best) = ($n, $at) if $n > $most;
        last if $n == @$needles;
    }

    return ($most, $best);
}


# Every frame that a stream's window holds now, oldest first, and its init.

sub heard($node, $name = 'studio1') {
    my $p = playlist($node, $name);
    my @uris = map { "/live/$name/$_" }
               (map { $_->{uri} } @{ $p->{segments} }),
               (map { $_->{URI} } @{ $p->{open}{parts} });

    my ($init, @media) = fetch_all($node, "/live/$name/$p->{map}", @uris);
    my $i = Stentor::Media::init($init);

    return ([ map { @{ $_->{frames} } }
              map { Stentor::Media::fragments($_, $i) } @media ], $i);
}


# Replays a recording in a process of its own; returns its pid.  It ends with
# 0 when the server took everything and closed.

sub replay_child($node, $bytes, %o) {
    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    my $rc = eval {
        Stentor::RTMP->replay($node->port_rtmp(), $bytes, %o)->finish();
    };
    POSIX::_exit($rc ? 0 : 1);
}


# Bodies of many paths over one connection; dies on anything but 200.

sub fetch_all($node, @paths) {
    my $c = $node->http();

    return map {
        my $path = $_;
        $c->request('GET', $path);
        my $r = $c->response() // die "no answer to $path\n";
        die "$path: $r->{status}\n" if $r->{status} != 200;
        $r->{body};
    } @paths;
}


1;
