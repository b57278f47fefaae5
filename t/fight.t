#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Two encoders that both want one stream, and come back the moment they are
# sent away: they are slowed down and the operator is told.  Whoever has to
# wait gets his turn, and what he sent until then is not heard late.  Who
# comes back now and then is never slowed.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Webhook;

use List::Util ();
use POSIX ();
use Time::HiRes qw(time sleep);


need('ffmpeg');

my $NAME = 'live/studio1';
my $low = Stentor::Media::fixture(freq => 440);
my $high = Stentor::Media::fixture(freq => 880);
my $hook = Stentor::Webhook->start();

# each session may land in any of the workers
my $node = Stentor::Node->new(reuseport => 1, linger => '30s',
    application => 'on_event ' . $hook->url('/') . ';');


sub stream() { return $node->stream($NAME) }
sub fights() { return (stream() // { repairs => { fights => 0 } })
                      ->{repairs}{fights} }

sub told($event) {
    return map { $_->{json} } grep { $_->{json}{event} eq $event }
           $hook->requests();
}


# An encoder that knows no better: comes back until it is killed.

sub encoder($media) {
    my $parent = $$;
    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    while (getppid() == $parent) {
        eval {
            my $s = Stentor::RTMP->open(port => $node->port_rtmp(),
                                        asc => $media->{asc});
            my $t0 = time();

            for (my $k = 0; !$s->{eof} && !$s->on_status(0); $k++) {
                my $wait = $t0 + ($k + 1) * 1024 / 48000 - time();
                sleep($wait) if $wait > 0;
                $s->frames($media->{frames}, $k, 1);
            }

            $s->close();
        };
    }

    POSIX::_exit(0);
}


# --- one who comes back, as they do

my $b = broadcaster($node, media => $low);
my $witness = Stentor::Listener->fork_run(60, port => $node->port_http());

for my $n (1 .. 4) {
    my $id = stream()->{session}{id};
    $b->freeze();
    my $next = Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                           media => $low);
    my $t0 = time();
    ok($node->wait_stream($NAME, sub ($st) {
        return ($st->{session}{id} // 0) != $id
               && $st->{session}{audio_frames} > 0;
    }), "back for the ${n}th time, beside his own ghost");
    cmp_ok(time() - $t0, '<', 2, 'without a wait') if !$ENV{STENTOR_ASAN};
    $b->thaw();
    $b->kill_it();
    $b = $next;
}

is(fights(), 0, 'that is no fight');
$b->stop();

# --- two who cannot agree

my @encoders = map { encoder($_) } $low, $high;
ok($node->wait_until(sub { fights() >= 2 }, 3 * $Stentor::Node::PATIENCE),
   'two fight') or diag(fights());
my $takeovers = stream()->{repairs}{takeovers};
my $t0 = time();

# the third and fourth wait take six seconds and eight
ok($node->wait_until(sub { fights() >= 3 }, 3 * $Stentor::Node::PATIENCE),
   'again and again');
cmp_ok(stream()->{repairs}{takeovers} - $takeovers, '<=', 2,
       'but not as often as they like');
kill('KILL', @encoders);
waitpid($_, 0) for @encoders;

like($node->log(), qr/\[warn\].*encoders\ fight\ for\ stream\ "live\/studio1":
                      \ the\ one\ at\ 127\.0\.0\.1\ waits\ 2000\ ms/x,
     'the log says so');
my ($fight) = told('fight');
is($fight->{wait_ms}, 2000, 'the operator is told how long one waits');
cmp_ok($fight->{takeovers}, '>=', 6, 'and what for');
is(scalar(told('fight')), fights(), 'each time');

# --- the turn of who waits

$b = Stentor::Broadcaster->start(port => $node->port_rtmp(), media => $low);
ok($node->wait_stream($NAME, sub ($st) {
    return ($st->{session}{audio_frames} // 0) > 10;
}), 'when nobody else is there nobody waits');

my ($before, $whose) = (fights(), stream()->{session}{id});
my $s = Stentor::RTMP->open(port => $node->port_rtmp(), asc => $high->{asc});
my (@sent, $repeated);
my $start = time();

for my $k (0 .. 279) {
    my $wait = $start + ($k + 1) * 1024 / 48000 - time();
    sleep($wait) if $wait > 0;
    $s->frames($high->{frames}, $k, 1);
    $sent[$k] = time();
    $s->pump();

    # encoders repeat their configuration
    $s->config($high->{asc}, int($k * 21.333)) if $k == 20;

    if ($k == 60) {
        is(fights(), $before + 1, 'who comes now has to wait');
        is(stream()->{session}{id}, $whose, 'and does not jump the queue');

        # he need not wait for what is over
        $b->stop();
    }
}

ok($node->wait_stream($NAME, sub ($st) {
    return ($st->{session}{audio_frames} // 0) > 100;
}), 'he gets the stream when the other one has gone');

# where his frames lie on the clock
my $p = playlist($node);
my ($init) = fetch_all($node, "/live/studio1/$p->{map}");
my $i = Stentor::Media::init($init);
my %number;
$number{ $high->{frames}[$_] } //= $_ for 0 .. 279;
my (@late, $first);

for my $body (fetch_all($node, map { "/live/studio1/$_->{uri}" }
                               @{ $p->{segments} }))
{
    for my $f (Stentor::Media::fragments($body, $i)) {
        for my $n (0 .. $#{ $f->{frames} }) {
            my $k = $number{ $f->{frames}[$n] } // next;
            my $end = ($f->{tfdt} + ($n + 1) * 1024) / 48000;

            # others have sent the same before
            next if $end < $start;
            $first //= $k;
            push(@late, abs($end - $sent[$k]));
        }
    }
}

cmp_ok(scalar(@late), '>', 80, 'his frames are there');
cmp_ok($first, '>', 40, 'those from before his turn are not');
my $most = List::Util::max(0, @late);
cmp_ok($most, '<', $ENV{STENTOR_ASAN} ? 2 : 0.5,
       'and the others are in their time');
note(sprintf('first frame %d, at most %.3f s off', $first, $most));

$s->close();
conforms('a listener hears one programme through all of it',
         @{ $witness->join()->{violations} });
$node->done('TERM');
done_testing();
