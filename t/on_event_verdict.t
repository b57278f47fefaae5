#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The event that is the node's own: when its verdict changes, one worker tells
# it, with what was told before, and with figures; to the node's URL, which is
# that of applications, too, that have none.  Who tells may die, and a reload
# repeats nothing; a source that comes and goes all the time is no flood.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Webhook;

need('ffmpeg');

# what the verdict waits for, and who tells it
use constant PATIENCE => $Stentor::Node::PATIENCE + 10;

# no two are told within 5 s, by a clock that is read a little before the one
# that dates them
use constant APART_MS => 4500;

my $hook = Stentor::Webhook->start(answers => { '/slow' => [{ never => 1 }] });

my $node = Stentor::Node->new(
    workers => 3, linger => '60s',
    stentor => 'application own { part_duration 200ms; stream kept;'
               . ' on_event ' . $hook->url('/own') . '; }'
               . ' on_event ' . $hook->url('/node?token=hush') . ';',
    application => 'stream kept;',
);


sub verdicts() {
    return map { $_->{json} } grep { $_->{json}{event} eq 'verdict' }
           $hook->requests();
}


# Waits for one that has not been looked at yet, and that says so: a machine
# that has much to do may be crowded in between.

my $looked = 0;

sub told($test, $what) {
    my $e;

    $node->wait_until(sub {
        my @all = verdicts();
        ($e) = grep { $test->($_->{new}) } @all[$looked .. $#all];
        $looked = @all if $e;
        return $e;
    }, PATIENCE);

    return ok($e, $what) ? $e : ();
}


# Milliseconds of the day.

sub ms($time) {
    my ($h, $min, $s, $ms) = $time =~ /T(\d+):(\d+):(\d+)\.(\d+)Z/;
    return (($h * 60 + $min) * 60 + $s) * 1000 + $ms;
}


sub lost($state) { return $state eq 'source lost' }
sub well($state) { return !lost($state) }


sub state_is($of, $test, $what) {
    return ok($of->wait_status(sub ($s) {
        return $s->{verdict} && $test->($s->{verdict}{state});
    }, PATIENCE, $what), $what);
}


# --- one is told

my $studio = broadcaster($node, name => 'kept');
$studio->stop();

my $e = told(\&lost, 'a source is lost: it is told')
    or die $node->log();

is(join(' ', sort keys %$e), 'attacks event figures id listeners new node old'
   . ' pid text time', 'its members');
like($e->{text}, qr/^source lost: 1 of 2 streams without a source; /,
     'in words');
is_deeply($e->{attacks}, [], 'without an attack');
is($e->{listeners}, 0, 'nor listeners');
is_deeply([ sort keys %{ $e->{figures} } ],
          [ sort keys %{ $node->status()->{verdict}{figures} } ],
          'figures, as the status has them');
is($e->{figures}{lost}, 1, 'which say why');
ok((grep { $_ == $e->{pid} } $node->worker_pids()), 'by a worker');

my @mine = map { $_->{json} } $hook->requests('/node');
is(join(' ', map { $_->{event} } grep { ($_->{stream} // '') eq 'live/kept' }
        @mine), 'opened live hold',
   'an application that names no URL has events where the node has them');
is(scalar(grep { ($_->{stream} // '') =~ /^own/ } @mine), 0,
   'another one has not');
is(join(' ', map { $_->{json}{event} } $hook->requests('/own')), 'opened',
   'but its own ones alone');

# --- who tells it dies, and a reload has nothing new

$node->kill_worker('KILL', $e->{pid});
$studio = broadcaster($node, name => 'kept');
my $next = told(\&well, 'he is back: it is told');
isnt($next->{pid}, $e->{pid}, 'by another worker, for that one has died');

$node->reload();
$studio->stop();
told(\&lost, 'he is gone: it is told after a reload');

# --- he comes and goes

for (1 .. 2) {
    $studio = broadcaster($node, name => 'kept');
    state_is($node, \&well, 'he is there');
    $studio->stop();
    state_is($node, \&lost, 'he is gone');
}

$studio = broadcaster($node, name => 'kept');
state_is($node, \&well, 'he is there to stay');
ok($node->wait_until(sub { well((verdicts())[-1]{new}) }, PATIENCE),
   'what it is in the end is told');

# by their own times: what two workers tell may cross
my @told = sort { $a->{json}{time} cmp $b->{json}{time} }
           grep { $_->{json}{event} eq 'verdict' } $hook->requests();
my @bad;

for my $i (1 .. $#told) {
    my ($was, $is) = map { $told[$_]{json} } $i - 1, $i;
    push(@bad, "$was->{new}: then old is $is->{old}")
        if $is->{old} ne $was->{new};
    push(@bad, "$is->{old} to $is->{new}") if $is->{old} eq $is->{new};
}

is(join(', ', @bad), '', 'each event says what the one before it did');

my @ms = map { ms($_->{json}{time}) } @told;
my @apart = map { ($ms[$_] - $ms[$_ - 1]) % 86_400_000 } 1 .. $#ms;
is(scalar(grep { $_ < APART_MS } @apart), 0, 'and none comes too soon')
    or diag("@apart");
is(scalar(grep { $_->{path} ne '/node' } @told), 0,
   'all to the URL of the node');
is($node->status()->{events}{dropped}, 0, 'nothing is lost');

$studio->stop();
unlike($node->log(), qr/hush/, 'no log has the token');
$node->done('TERM');

# --- one that takes no event holds up nobody

my $slow = Stentor::Node->new(workers => 1, linger => '60s',
    stentor => 'on_event ' . $hook->url('/slow') . ';',
    application => 'stream kept;');

$studio = broadcaster($slow, name => 'kept');
my $witness = Stentor::Listener->fork_run(20, port => $slow->port_http(),
                                          path => '/live/kept', edge => 1);
$studio->stop();
state_is($slow, \&lost, 'of one that takes no event: the verdict goes on');
$studio = broadcaster($slow, name => 'kept');
state_is($slow, \&well, 'and on');
conforms('no listener notices', @{ $witness->join()->{violations} });
$studio->stop();
$slow->done('TERM');
done_testing();
