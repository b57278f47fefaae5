#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Events that wait: when their worker exits they are tried once more, and when
# there are too many the oldest go.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Webhook;


need('ffmpeg');

my $media = Stentor::Media::fixture();
my @held;

sub node($port, %o) {
    return Stentor::Node->new(
        workers => 1, linger => '200ms', window => '8s',
        application => "on_event http://127.0.0.1:$port/;", %o);
}


# Takes a stream over n times.

sub takeovers($node, $name, $n = 1) {
    for (0 .. $n) {
        my $s = Stentor::RTMP->open(port => $node->port_rtmp(), app => 'live',
                                    name => $name, asc => $media->{asc});
        $s->frames($media->{frames}, 0, 1);
        push(@held, $s);

        # few connections, but not the one that is to be taken over
        shift(@held)->close() if @held > 8;
    }
}


sub leave($node) {
    $_->close() for @held;
    @held = ();
    return $node->wait_status(sub ($s) {
        return !grep { $_->{state} ne 'closed' } @{ $s->{streams} };
    });
}


# The streams that were taken over, as the receiver was told.

sub streams(@requests) {
    return join(' ', map { $_->{json}{stream} =~ s{^live/}{}r }
                     grep { $_->{json}{event} eq 'takeover' } @requests);
}


# How many events a worker says it dropped when it exited.

sub dropped($node) {
    return ($node->log()
            =~ /\[error\].*events dropped when the worker exited: (\d+)/)[0]
           // 0;
}


# --- terminated: what waits behind a slow answer

my $hook = Stentor::Webhook->start(only => 'takeover', answers => {
    '/' => [{ status => 200, after => 0.2 }],
});
my $node = node($hook->{port});

takeovers($node, 's1');
takeovers($node, 's2');
ok($hook->wait_for(1) >= 1, 'the first event is on its way');
ok($node->stop('TERM'), 'nginx is terminated');
is(streams($hook->requests()), 's1 s2', 'both events have come');
unlike($node->log(), qr/events dropped/, 'and nothing is dropped');
$node->done('TERM');

# --- reloaded: what waits for its next try

my $port = Stentor::Node::free_port();
$node = node($port);

my ($old) = $node->worker_pids();
takeovers($node, "s$_") for 1 .. 3;
ok(leave($node), 'all streams have ended');
my $tries = $node->status()->{events}{retries};
ok($node->wait_status(sub ($s) {
    return $s->{events}{retries} > $tries && $s->{events}{retries} >= 3;
}), 'a receiver that is not there has just been tried');

# the next try of its own would be in three seconds
$hook = Stentor::Webhook->start(port => $port);
$node->reload();
ok($node->wait_until(sub { !grep { $_ == $old } $node->worker_pids(1) }),
   'the old worker exits');
is(streams($hook->requests()), 's1 s2 s3', 'having posted all, in order');
is($node->status()->{events}{sent}, scalar($hook->requests()),
   'which the status still knows');
unlike($node->log(), qr/events dropped/, 'and nothing is dropped');

# --- told to quit: in vain

$hook->stop();
takeovers($node, 's4');
takeovers($node, 's5');
ok(leave($node), 'streams have ended again');
ok($node->wait_status(sub ($s) { $s->{events}{retries} >= 3 }),
   'the receiver is gone');
ok($node->stop('QUIT', 8), 'nginx quits all the same');
cmp_ok(dropped($node), '>=', 2, 'and says what it dropped');
$node->done();

# --- terminated: a receiver that never answers

$hook = Stentor::Webhook->start(only => 'takeover',
                                answers => { '/' => [{ never => 1 }] });
$node = node($hook->{port});
takeovers($node, 's6');
ok($hook->wait_for(1) >= 1, 'a silent receiver has an event');
ok($node->stop('TERM'), 'nginx does not wait for it');
cmp_ok(dropped($node), '>=', 1, 'and the event counts as lost');
$node->done();

# --- more than a worker keeps

$port = Stentor::Node::free_port();
$node = node($port);
takeovers($node, 'old', 100);
takeovers($node, 'new', 1150);


# Each who came after the first had an event: he took the stream over, or was
# let wait for having done so too often.

sub contests(@requests) {
    return grep { $_->{json}{event} =~ /^(?:takeover|fight)$/ } @requests;
}


sub contested($s) {
    my $n = $s->{ingest}{takeovers};
    $n += $_->{repairs}{fights} for @{ $s->{streams} };
    return $n;
}


# some who come in the same moment at two workers are one contest

my $s = $node->wait_status(sub ($s) { contested($s) >= 1150 });
my $lost = $s ? $s->{events}{dropped} : 0;
cmp_ok($lost, '>=', 150, 'of more than 1150 events some are dropped');
my $said = () = $node->log() =~ /1000 events wait: the oldest are dropped/g;
is($said, 1, 'which is logged once');

$hook = Stentor::Webhook->start(port => $port);
my @got = $hook->wait_for(1000, undef, 30);
$node->wait_status(sub ($s) { $s->{events}{sent} >= 1000 });
my @contests = contests($hook->requests());
$lost = $node->status()->{events}{dropped};
is(scalar(grep { $_->{json}{stream} eq 'live/old' } @contests), 0,
   'the oldest are those that went');

# what came beside them and behind is hold and live audio taking turns
cmp_ok(@contests, '>=', contested($node->status()) - $lost,
       'all others come');
cmp_ok(@contests, '>', 900, 'nearly a thousand');

my @times = map { $_->{json}{time} } @got;
is_deeply(\@times, [sort @times], 'in order');
is($node->status()->{events}{dropped}, $lost, 'no more were dropped');

$_->close() for @held;
$node->done('TERM');
done_testing();
