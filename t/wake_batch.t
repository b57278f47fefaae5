#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Hundreds who wait for one thing are answered in batches: all get the same
# bytes, rendered once, and others have their turn in between.  That is proved
# by what these others are told: status counts the answers so far, and one that
# counts some of them came between two batches.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use POSIX ();
use Time::HiRes qw(time);

use Stentor::Kit;


my $MANY = 900;             # a select() has room for 1024

my $node = Stentor::Node->new(
    workers => 1, connections => $MANY + 100, window => '60s',
    location => "stentor_hls_pending time=60s max=$MANY;");


# Those who wait.

my %waits = map { $_->{socket} => $_ } map { $node->http() } 1 .. $MANY;

$_->request('GET', '/live/studio1/audio.m3u8') for values %waits;
ok($node->wait_status(sub ($s) { $s->{hls}{pending} == $MANY }),
   'all of them wait');
my $before = $node->status()->{hls};


# Who asks all the while how many have been answered: how often it was told of
# some, when it is told of all; 0 when that takes too long.

sub ask_on() {
    my $deadline = time() + 3 * $Stentor::Node::PATIENCE;
    my $c = $node->http();
    my ($n, $between) = (0, 0);

    while ($n < $MANY) {
        return 0 if time() > $deadline;

        $c->request('GET', '/status');
        my $r = $c->response() // return 0;
        my $hls = JSON::PP::decode_json($r->{body})->{hls};

        $n = $hls->{playlists} - $before->{playlists};
        $between++ if $n > 0 && $n < $MANY;
    }

    return $between;
}

# The newest part that a playlist has.

sub end_of($body) {
    my $p = Stentor::Playlist::parse($body);
    my @parts = map { @{ $_->{parts} // [] } } @{ $p->{segments} }, $p->{open};

    return @parts ? $parts[-1]{URI} : 'none';
}

my $pid = open(my $told, '-|') // die "fork: $!\n";

if ($pid == 0) {
    syswrite(STDOUT, ask_on());
    POSIX::_exit(0);
}


# --- what they wait for comes

is($node->control('open', 'live/studio1')->{status}, 200,
   'a stream is opened');

my $select = IO::Select->new(map { $_->{socket} } values %waits);
my %body;
my $n = 0;

while (my @can = $select->can_read($Stentor::Node::PATIENCE)) {
    for my $c (map { $waits{$_} } @can) {
        next if !$c->pump() && !$c->{eof};

        my $r = $c->response() // { status => 0 };
        $n += $r->{status} == 200;
        $body{ $r->{body} // '' }++;
        $select->remove($c->{socket});
    }
}

is($n, $MANY, 'all of them are answered');
my %end = map { end_of($_) => 1 } keys %body;
is(scalar(keys %end), scalar(keys %body),
   'with the same bytes, unless a part came meanwhile')
    or diag(join("\n", sort keys %end));
cmp_ok($node->status()->{hls}{renders} - $before->{renders}, '<=',
       scalar(keys %body), 'which are rendered once');

my $between = readline($told);
close($told);
cmp_ok($between, '>=', 1, 'others had their turn between them');

# --- and they go again

$_->close() for values %waits;
ok($node->wait_status(sub ($s) {
    return !$s->{hls}{waiters} && !$s->{hls}{pending};
}), 'nobody waits any more');

$node->done('TERM');
done_testing();
