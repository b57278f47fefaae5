# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Broadcasters who come and go, each in a slot of its own that is empty for a
# while in between: by RTMP, RTMPS and SRT, with keys and without, some to two
# origins at once, in all formats; they end in order, are killed, or freeze
# and are killed later.  The names of slots that have none are new each time,
# and some listeners come for them.

package Stentor::Visitors;

use v5.36;

use Time::HiRes qw(time);

use Stentor::Broadcaster;
use Stentor::Crowd;
use Stentor::Encoder;
use Stentor::Media;
use Stentor::Rubbish;

my @ENDS = qw(stop stop kill kill freeze);
my @WAYS = qw(rtmp rtmp rtmps srt srt keyed wrong_key asked ladder rubbish);


# new(cluster =>, pace => stay, away, frozen (seconds; [least, most]), guests,
# file => of AAC, key => that opens the application "keyed"): nobody is there.

sub new($class, %o) {
    my $self = bless { %o, came => {}, failed => {}, crowds => {} }, $class;
    my @origins = $self->{cluster}->nodes('origin');
    my $now = time();

    $self->{slots} = [
        map({ { app => 'live', name => "main$_", way => $_ % 4 ? 'rtmp'
                                                               : 'srt',
                node => $origins[$_ <= 2 ? 0 : 1] } } 1 .. 4),
        { app => 'ladder', name => 'main', way => 'ladder',
          node => $origins[1] },
        map({ {} } 1 .. $o{pace}{guests}),
    ];
    $_->{at} = $now + $self->some('away') for @{ $self->{slots} };

    $self->{media} = [ Stentor::Media::fixture(),
                       Stentor::Media::fixture(freq => 660),
                       Stentor::Media::fixture(rate => 44100, channels => 1) ];
    $self->{codecs} = [ grep { defined } map { Stentor::Media::packets($_) }
                        qw(mp3 opus flac) ];
    return $self;
}


# So many seconds, between what the pace says.

sub some($self, $what) {
    my ($least, $most) = @{ $self->{pace}{$what} };
    return $least + rand($most - $least);
}


# Whoever is to come comes, and whose time is over goes.

sub tick($self) {
    my $now = time();

    for my $slot (grep { $_->{at} <= $now } @{ $self->{slots} }) {
        if (!$slot->{there}) {
            $self->come($slot);
        } elsif (!$slot->{frozen} && $self->leave($slot)) {
            $slot->{at} = $now + $self->some('frozen');
        } else {
            $self->gone($slot);
        }
    }

    $self->see_off($_) for grep { $self->{crowds}{$_}{until} <= $now }
                           keys %{ $self->{crowds} };
}


sub come($self, $slot) {
    my @origins = $self->{cluster}->nodes('origin');
    my $way = $slot->{way} // $WAYS[rand(@WAYS)];
    my $stay = $self->some('stay');
    my %who = (app => $way eq 'ladder' ? 'ladder' : 'live',
               node => $origins[rand(@origins)],
               name => 'guest' . ++$self->{guests}, %$slot, way => $way,
               seconds => $stay);

    $slot->{there} = [ $self->session(\%who) ];
    $slot->{at} = time() + $stay;

    # to another one as well, which stands by
    my ($other) = grep { $_ != $who{node} } @origins;
    push(@{ $slot->{there} }, $self->session({ %who, node => $other }))
        if $slot->{name} && $other && rand() < 0.3;

    $self->listen(\%who)
        if !$slot->{name} && $way =~ /^(?:rtmps?|srt|ladder)$/;
}


# One session; none when it is refused, which is counted.

sub session($self, $who) {
    my $session = eval { $self->can("by_$who->{way}")->($self, $who) };
    my $how = $session ? 'came' : 'failed';

    $self->{$how}{ $who->{way} }++;
    $self->{why} = "$who->{way}: $@" if !$session;

    return $session // ();
}


sub by_rtmp($self, $who, %o) {
    my @media = @{ $self->{media} };

    return Stentor::Broadcaster->start(
        port => $who->{node}->port_rtmp(), app => $who->{app},
        name => $who->{name}, media => $media[rand(@media)],
        rand() < 0.3 ? (video => 'x' x 2000) : (), %o);
}


sub by_ladder($self, $who) {
    my @codecs = (@{ $self->{codecs} }, $self->{media}[0]);
    return $self->by_rtmp($who, media => $codecs[rand(@codecs)]);
}


sub by_keyed($self, $who) {
    return $self->by_rtmp($who, app => 'keyed',
                          name => "$who->{name}?key=$self->{key}");
}


# One who is let in all the same has no business here.

sub by_wrong_key($self, $who) {
    my $s = eval { $self->by_rtmp($who, app => 'keyed',
                                  name => "$who->{name}?key=wrong") };
    die "a wrong key is let in\n" if $s;

    return Stentor::Rubbish->start($who->{node}, 0);
}


sub by_asked($self, $who) {
    return $self->by_rtmp($who, app => 'asked');
}


sub by_rubbish($self, $who) {
    my @nodes = $self->{cluster}->nodes();
    return Stentor::Rubbish->start($nodes[rand(@nodes)], $who->{seconds},
                                   $self->{pace}{pause});
}


sub by_rtmps($self, $who) {
    my $port = $who->{node}{rtmps};
    return Stentor::Encoder->start(file => $self->{file},
        url => "rtmps://127.0.0.1:$port/$who->{app}/$who->{name}");
}


sub by_srt($self, $who) {
    return Stentor::Encoder->start(file => $self->{file}, format => 'mpegts',
        url => $who->{node}->srt_url(), options => ['-srt_streamid',
            "#!::r=$who->{app}/$who->{name},m=publish"]);
}


# Those who listen to a guest, for as long as he is there, more or less.

sub listen($self, $who) {
    my $seconds = $who->{seconds} * (0.5 + rand());
    my @ports = map { $_->port_http() } $self->{cluster}->nodes('edge');

    $self->{crowds}{ $who->{name} } = {
        until => time() + $seconds,
        crowd => Stentor::Crowd->new(\@ports, failover => 1,
            listeners => $self->{pace}{fans}, rate => 50,
            stream => "$who->{app}/$who->{name}",
            seconds => int($seconds) + 2),
    };
}


sub see_off($self, $name) {
    my $c = delete $self->{crowds}{$name};

    # who is told to go before he has begun has nothing to tell
    my $all = eval { $c->{crowd}->end() };
    $all ? $self->tally($name, $all) : $self->{failed}{crowd}++;
}


# What a crowd has met with goes into one account.

sub tally($self, $name, $all) {
    my $e = $all->{errors};

    $self->{$_} += $all->{$_} for qw(wrong started parts stalls);
    $self->{trouble}{$_} += $e->{$_} for keys %$e;

    push(@{ $self->{wrongs} }, join(' ', "$name:", map { "$_=$e->{$_}" }
                                    grep { $e->{$_} } sort keys %$e))
        if $all->{wrong};
}


# True when he is there still, and says nothing any more.

sub leave($self, $slot) {
    my $end = $ENDS[rand(@ENDS)];

    for my $s (@{ $slot->{there} }) {
        if ($end eq 'freeze' && $s->{pid}) {
            kill('STOP', $s->{pid});
        } elsif ($end eq 'kill' && $s->can('kill_it') && $s->{pid}) {
            $s->kill_it();
        } elsif ($s->{pid} && !$s->gone()) {
            $s->stop();
        }
    }

    $slot->{frozen} = $end eq 'freeze';

    return $slot->{frozen};
}


sub gone($self, $slot) {
    for my $s (grep { $_->{pid} } @{ $slot->{there} }) {
        $s->can('kill_it') ? $s->kill_it() : $s->stop();
    }

    delete @$slot{qw(there frozen)};
    $slot->{at} = time() + $self->some('away');
}


# Everybody goes at once.

sub all_leave($self) {
    for my $slot (grep { $_->{there} } @{ $self->{slots} }) {
        $self->gone($slot);
    }

    $self->see_off($_) for keys %{ $self->{crowds} };
}


1;
