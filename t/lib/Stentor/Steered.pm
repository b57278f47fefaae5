# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The listener page in a real headless Chromium (t/browser/steering.js) while
# the nodes behind it change: what it says, and in the end what it has seen,
# each within some time.

package Stentor::Steered;

use v5.36;

use IO::Select;
use IPC::Open2 ();
use JSON::PP ();
use Test::More ();
use Time::HiRes qw(time);

use Stentor::Node;


# new(url) opens the page and clicks play.

sub new($class, $url) {
    my $pid = IPC::Open2::open2(my $out, my $in, 'node',
        "$Stentor::Node::TOP/t/browser/steering.js", $url);

    $out->blocking(0);
    return bless { pid => $pid, in => $in, out => $out, said => '' }, $class;
}


sub said($self) { return $self->{said} }


# The test named what: it has said that, or does within so many seconds.

sub hears($self, $like, $seconds, $what) {
    my $deadline = time() + $seconds;
    my $s = IO::Select->new($self->{out});

    while ($self->{said} !~ $like && time() < $deadline) {
        next if !$s->can_read(0.2);
        sysread($self->{out}, $self->{said}, 65536, length($self->{said}))
            // next or last;
    }

    return Test::More::ok($self->{said} =~ $like, $what)
        || Test::More::diag($self->{said});
}


# Ends it (a test of its own); what it has seen.

sub seen($self) {
    close($self->{in});
    $self->hears(qr/^\{.*\}$/m, 20, 'the browser ends')
        or kill('KILL', $self->{pid});
    waitpid($self->{pid}, 0);

    Test::More::diag($self->{said}) if $ENV{STENTOR_KEEP};
    my ($json) = $self->{said} =~ /^(\{.*\})$/m;

    return $json ? JSON::PP::decode_json($json) : {};
}


1;
