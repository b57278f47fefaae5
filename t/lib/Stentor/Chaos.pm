# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What can break in a cluster, broken while a crowd listens: processes are
# killed, paused and started again, the network between nodes is cut.  Of each
# fault is told how long it took to be noticed, how long until somebody else
# had taken over, and what listeners noticed.

package Stentor::Chaos;

use v5.36;

use Time::HiRes qw(time sleep);

use Stentor::Broadcaster;
use Stentor::Cluster;
use Stentor::Crowd;

# Where a network can be cut.
my %PROXY = (proxy => { origin => {}, shield => {} },
             redis_proxy => { origin => {} });


# new(%o): a cluster of two origins, two shields and three edges, somebody who
# broadcasts to both origins, and a crowd on all edges.  listeners => 60,
# hold_back => 3 (s), stream => its name, cluster => { what Stentor::Cluster
# takes }.

sub new($class, %o) {
    my $self = bless {
        listeners => 60, hold_back => 3, stream => 'studio1', %o,
    }, $class;

    my $c = $self->{cluster} = Stentor::Cluster->new(
        origins => 2, shields => 2, edges => 3, %PROXY, linger => '30s',
        node => { edge => { workers => 2 } }, %{ $o{cluster} // {} });

    $self->{name} = "live/$self->{stream}";
    $self->{sessions} = [ map { $self->broadcast($_) }
                          $c->nodes('origin') ];
    $self->wait_for(sub { defined $self->owner() }, 'an origin has it');

    $self->{crowd} = Stentor::Crowd->new(
        [ map { $_->port_http() } $c->nodes('edge') ],
        listeners => $self->{listeners}, hold_back => $self->{hold_back},
        stream => $self->{name});
    $self->{crowd}->hears(30) // die "not all listeners hear something\n";

    return $self;
}


sub cluster($self) { return $self->{cluster} }


# A session on an origin; his encoder comes again when it is gone.

sub broadcast($self, $origin) {
    return Stentor::Broadcaster->start(port => $origin->port_rtmp(),
                                       name => $self->{stream});
}


sub broadcast_again($self) {
    my @origins = $self->{cluster}->nodes('origin');

    for my $i (0 .. $#origins) {
        next if !$origins[$i]{pid} || !$self->{sessions}[$i]->gone();
        my $s = eval { $self->broadcast($origins[$i]) } // next;
        $self->{sessions}[$i] = $s;
    }
}


# Polls until test->() is true; seconds that it took, or undef.

sub wait_for($self, $test, $what, $seconds = 20) {
    my $begin = time();

    while (time() - $begin < $seconds) {
        return time() - $begin if eval { $test->() };
        sleep(0.01);
    }

    push(@{ $self->{failed} }, $what);
    return undef;
}


# What a node says of the stream: its entry, {} when it has none or is dead.

sub at($self, $node) {
    return {} if !$node->{pid};
    return eval { $node->stream($self->{name}) } // {};
}


# The origin that makes the stream, by its own word; of two (one of whom is cut
# off, and cannot know) the one with the higher epoch; undef: nobody.

sub owner($self) {
    my ($owner, $epoch) = (undef, -1);

    for my $node ($self->{cluster}->nodes('origin')) {
        next if !$node->{pid} || $node->{paused};
        my $st = eval { $node->status() } // next;
        my ($lease) = grep { $_->{stream} eq $self->{name} }
                      @{ $st->{cluster}{leases} };

        ($owner, $epoch) = ($node, $lease->{epoch})
            if $lease && $lease->{state} =~ /^(?:held|alone)$/
               && $lease->{epoch} > $epoch;
    }

    return $owner;
}


sub standby($self) {
    my $owner = $self->owner() // return undef;
    my ($other) = grep { $_ != $owner } $self->{cluster}->nodes('origin');
    return $other;
}


# Who pulls the stream from a node, by their own word.

sub pullers($self, $of) {
    my $url = $self->{cluster}->relay_url($of);

    return grep {
        (($self->at($_)->{relay} // {})->{upstream} // '') eq $url;
    } $self->{cluster}->nodes();
}


# The shield through which most edges have the stream.

sub busy_shield($self) {
    my ($most) = sort { $self->pullers($b) <=> $self->pullers($a) }
                 $self->{cluster}->nodes('shield');
    return $most;
}


# Whether a node has the stream from somebody who is not the victim.

sub fed($self, $node, $victim = undef) {
    my $relay = $self->at($node)->{relay} // return 0;
    my $url = $victim ? $self->{cluster}->relay_url($victim) : '';

    return @{ $relay->{chain} } && $relay->{upstream} ne $url;
}


# All is as it was: nodes live and know each other, the stream comes to all
# edges, one origin makes it and the other one stands by.

sub settle($self) {
    my $c = $self->{cluster};

    $self->{redis_up} = $self->wait_for(sub {
        !grep { $_->status()->{cluster}{redis}{state} ne 'up' } $c->nodes();
    }, 'Redis is up for all');
    $self->broadcast_again();
    $c->wait_met();

    $self->wait_for(sub {
        my $standby = $self->standby() // return 0;
        $self->fed($standby) && !grep { !$self->fed($_) } $c->nodes('edge');
    }, 'all have the stream');
    $self->{crowd}->wait(sub ($s) { return !$s->{silent} }, 10);
}


# One fault: {inflict, noticed => test, taken => test, heal, exempt => node,
# hold => seconds}.  What is asked for and cannot be is undef.

sub fault($self, $name) {
    my $f = $self->can("fault_$name")->($self);
    my %r = (name => $name, victim => $f->{victim});

    $self->{failed} = [];
    $self->{crowd}->mark();

    my $begin = time();
    $f->{inflict}->();

    $r{noticed} = $self->wait_for($f->{noticed}, 'noticed')
        if $f->{noticed};
    $r{taken} = time() - $begin
        if $f->{taken} && defined $self->wait_for($f->{taken}, 'taken over');

    # what listeners have of it shows when what they had is played
    my $left = $begin + ($f->{hold} // $self->{hold_back} + 1) - time();
    sleep($left) if $left > 0;

    $f->{heal}->();
    my $healed = time();
    $self->settle();
    $r{settled} = time() - $healed;

    return $self->told(\%r, $f);
}


# What listeners noticed: of the edges that nothing was done to, and of the one
# that was.

sub told($self, $r, $f) {
    my $seen = $self->{crowd}->mark();
    my $exempt = $f->{exempt} ? $f->{exempt}->port_http() : 0;

    $r->{failed} = $self->{failed};
    $r->{exempt} = [ grep { $_->{port} == $exempt } @{ $seen->{edges} } ];

    my @edges = grep { $_->{port} != $exempt } @{ $seen->{edges} };

    for my $key (qw(parts stalls wrong rejoins discontinuities)) {
        $r->{$key} = sum(map { $_->{$key} } @edges);
    }

    $r->{gap_ms} = max(map { ($_->{gap_ms} // {})->{max} // 0 } @edges);
    $r->{stall_ms} = max(map { $_->{longest_stall_ms} } @edges);

    for my $e (@edges) {
        $r->{errors}{$_} += $e->{errors}{$_} for keys %{ $e->{errors} };
    }

    return $r;
}


sub sum(@v) { my $s = 0; $s += $_ for @v; return $s }
sub max(@v) { my $m = 0; $_ > $m and $m = $_ for @v; return $m }


sub end($self) {
    my $all = $self->{crowd}->end();
    $_->stop() for @{ $self->{sessions} };
    return $all;
}


# --- the faults

our @FAULTS = qw(redis redis_hangs shield shield_hangs shield_idle puller
                 origin origin_hangs cut_redis cut_shields cut_both edge);


sub redis_is($self, $state) {
    return !grep { $_->status()->{cluster}{redis}{state} ne $state }
           grep { $_->{pid} } $self->{cluster}->nodes();
}


# Redis dies and comes back empty.

sub fault_redis($self) {
    my $redis = $self->{cluster}->redis();

    return { victim => 'Redis', inflict => sub { $redis->kill_it() },
             noticed => sub { $self->redis_is('down') },
             heal => sub { $redis->start() } };
}


sub fault_redis_hangs($self) {
    my $redis = $self->{cluster}->redis();

    return { victim => 'Redis', inflict => sub { $redis->freeze() },
             noticed => sub { $self->redis_is('down') },
             heal => sub { $redis->thaw() } };
}


# A node that others have the stream from: noticed when the first of them has
# it from elsewhere or from nobody, taken over when all have it from elsewhere.

sub loss($self, $node, %o) {
    my @pullers = $self->pullers($node);
    my $url = $self->{cluster}->relay_url($node);

    return {
        victim => $node->{id},
        noticed => @pullers ? sub {
            grep {
                my $relay = $self->at($_)->{relay} // {};
                !@{ $relay->{chain} // [] } || $relay->{upstream} ne $url;
            } @pullers;
        } : undef,
        taken => @pullers ? sub {
            !grep { !$self->fed($_, $node) } @pullers;
        } : undef,
        %o,
    };
}


sub killed($self, $node, %o) {
    return $self->loss($node, inflict => sub { $node->kill_it() },
                       heal => sub { $node->start() }, %o);
}


sub paused($self, $node, %o) {
    return $self->loss($node,
        inflict => sub { $node->pause(); $node->{paused} = 1 },
        heal => sub { $node->resume(); delete $node->{paused} }, %o);
}


sub fault_shield($self) { return $self->killed($self->busy_shield()) }
sub fault_shield_hangs($self) { return $self->paused($self->busy_shield()) }


# The one that no edge has the stream from.

sub fault_shield_idle($self) {
    my $busy = $self->busy_shield();
    my ($idle) = grep { $_ != $busy } $self->{cluster}->nodes('shield');
    return $self->killed($idle);
}


# The worker of an edge that pulls: its own listeners connect again.

sub fault_puller($self) {
    my $edge = $self->{cluster}->edge(1);
    my $old = $self->at($edge)->{owner_pid};

    return {
        victim => "$edge->{id}'s worker", exempt => $edge,
        inflict => sub { $edge->kill_worker('KILL', $old) },
        taken => sub {
            my $st = $self->at($edge);
            $st->{owner_pid} && $st->{owner_pid} != $old && $self->fed($edge);
        },
        heal => sub { },
    };
}


# The origin that makes the stream: the other one has the lease next.

sub lost_origin($self, $f) {
    my $owner = $self->owner();
    my $standby = $self->standby();
    my @shields = $self->pullers($owner);

    $f->{taken} = sub {
        my $now = $self->owner();
        $now && $now == $standby && !grep {
            $_ != $standby && !$self->fed($_, $owner)
        } @shields;
    };
    $f->{hold} = 2 * $self->{hold_back} + 2;

    return $f;
}


sub fault_origin($self) {
    return $self->lost_origin($self->killed($self->owner()));
}


sub fault_origin_hangs($self) {
    return $self->lost_origin($self->paused($self->owner()));
}


# The network between the origin that makes the stream and others.

sub cut($self, $what) {
    my $owner = $self->owner();
    my $c = $self->{cluster};
    my @proxies = map {
        $_ eq 'redis' ? $c->redis_proxy($owner->{id}) : $c->proxy($owner->{id})
    } @$what;

    return $self->loss($owner, inflict => sub { $_->freeze() for @proxies },
                       heal => sub { $_->thaw() for @proxies });
}


# Cut off from Redis, it is heard of by others all the same.

sub fault_cut_redis($self) {
    my $f = $self->lost_origin($self->cut(['redis']));
    delete $f->{noticed};
    return $f;
}


# Cut off from those who have the stream from it: it is still the owner.

sub fault_cut_shields($self) {
    my $f = $self->cut(['relay']);
    delete $f->{taken};
    return $f;
}


sub fault_cut_both($self) {
    return $self->lost_origin($self->cut(['redis', 'relay']));
}


# An edge: its own listeners wait for it.

sub fault_edge($self) {
    my $edge = $self->{cluster}->edge(3);

    return { victim => $edge->{id}, exempt => $edge,
             inflict => sub { $edge->kill_it() },
             heal => sub { $edge->start() } };
}


1;
